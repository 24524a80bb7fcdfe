"""`make bench`: runs every *_bench module, prints a table, writes build/bench.json.  Numbers are seen, not judged."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sqlite3
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OUT = Path("build/bench.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--full", action="store_true", help="longer runs")
    parser.add_argument("--only", default="", help="part of a module's name")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    failed = []
    for name in _modules(options.only):
        try:
            rows += _run(name, full=options.full)
        except Exception:  # noqa: BLE001 - what the others measured must not be lost with it
            traceback.print_exc()
            failed.append(name)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": _machine(), "rows": rows}, ensure_ascii=False, indent=1) + "\n")
    _print(rows)
    for name in failed:
        print(f"failed: {name}")
    return 1 if failed else 0


def _modules(part: str) -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*_bench.py") if part in path.stem)


def _run(name: str, *, full: bool) -> list[dict[str, Any]]:
    print(f"bench: {name}", flush=True)
    module = importlib.import_module(f"tests.bench.{name}")
    rows: list[dict[str, Any]] = (
        module.run(full=full) if "full" in module.run.__annotations__ else module.run()
    )
    return [{"module": name.removesuffix("_bench"), **row} for row in rows]


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    print(f"{'module':10} {'what':62} {'value':>14} {'unit':10} {'ratio':>6}  against")
    for row in rows:
        ratio = "" if row.get("ratio") is None else f"{row['ratio']:.2f}"
        value = row["value"]
        text = f"{value:,.3f}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"
        print(
            f"{row['module']:10} {row['name']:62} {text:>14} {row['unit']:10} {ratio:>6}  {row.get('baseline') or ''}"
        )
    print(f"written to {OUT}")


if __name__ == "__main__":
    raise SystemExit(main())
