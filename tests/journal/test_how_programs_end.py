"""The last words of a program: what a person can act upon, and an exit code that says whether to start it again."""

from __future__ import annotations

import logging

import pytest

from journal.console import AGAIN, WRONG, end
from kernel.errors import ConfigError, LinkError, RefusedError, RestartError


def test_what_is_wrong_is_said_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError([("web.port", "is taken"), ("box.key", "cannot be read")])
    assert end(error, program="weighpost-edge") == WRONG
    assert (
        capsys.readouterr().err
        == "weighpost-edge: web.port: is taken\nweighpost-edge: box.key: cannot be read\n"
    )


def test_a_refusal_inside_of_tasks_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    inner = ExceptionGroup("uplink", [RefusedError("not this box")])
    assert end(ExceptionGroup("lane", [inner, RefusedError("not this box")]), program="x") == WRONG
    assert capsys.readouterr().err == "x: not this box\n"


def test_what_the_next_start_mends_is_critical_and_has_its_own_code(caplog: pytest.LogCaptureFixture) -> None:
    inner = ExceptionGroup("uplink", [RestartError("yiyuan-centre-1 has another root at 5")])
    assert end(ExceptionGroup("lane", [inner]), program="weighpost-edge") == AGAIN
    [record] = caplog.records
    assert (record.levelno, record.message) == (logging.CRITICAL, "process ends to begin anew")
    assert vars(record)["reasons"] == ["yiyuan-centre-1 has another root at 5"]


@pytest.mark.parametrize("bug", [ValueError("a bug"), LinkError("not translated")])
def test_a_bug_stays_the_bug_that_it_is(bug: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    group = ExceptionGroup("lane", [RestartError("another root"), bug])
    with pytest.raises(ExceptionGroup) as raised:
        end(group, program="x")
    assert raised.value is group
    assert capsys.readouterr().err == ""
