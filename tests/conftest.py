"""What holds for all tests: a slow machine is no failure, and thousands of collected tests are no garbage."""

from __future__ import annotations

import gc
import signal

import pytest
from hypothesis import settings

# Whoever measures time says so himself: an example that another process held up is none that failed.
settings.register_profile("patient", deadline=None)
settings.register_profile("quick", settings.get_profile("patient"), max_examples=20)
settings.load_profile("patient")


def pytest_configure() -> None:
    gc.disable()
    # A script that begins the tests in its background has them ignore Ctrl-C, and whatever they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
