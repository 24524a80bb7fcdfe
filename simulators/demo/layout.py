"""Where everything of the demo lies, which ports it takes, and the TOML of every process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from edge.drivers.rows import Indicator
from kernel.evidence.certificates import Certificate
from kernel.evidence.notes import Note, encode_base64
from simulators.indicator import lane_options
from simulators.recorders.recorder import program_of
from simulators.scene.optics import Role

ROOT = "yiyuan-root"
CENTRE, STATION, WITNESS = "yiyuan-centre", "s01-station", "county-witness"
CENTRE_STORE, STATION_STORE = "yiyuan-centre-1", "yiyuan-s01-1"
LANES = {"lane1": "s01-lane1", "lane2": "s01-lane2"}
SOURCE = "yiyuan/s01"
JURISDICTION = "370323"  # 沂源县
HOST = "127.0.0.1"
CAMERAS: dict[str, tuple[Role, ...]] = {"lane1": ("front", "rear", "side"), "lane2": ("front", "rear")}
FILMED: tuple[Role, ...] = ("front", "rear")  # the side camera takes pictures only

Table = dict[str, Any]
Enrol = Callable[[list[str]], object]  # runs weighpost-central with these arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    centre: int
    centre_gate: int
    centre_mqtt: int
    station: int
    station_gate: int
    station_mqtt: int
    witness: int
    cameras: int

    @classmethod
    def free(cls, wanted: Mapping[str, int]) -> Ports:
        """Ports that nobody has now; `wanted` are kept where they are free."""
        names = [field.name for field in fields(cls)]
        held = [_hold(wanted.get(name, 0)) for name in names]
        ports = [one.getsockname()[1] for one in held]
        for one in held:
            one.close()
        return cls(**dict(zip(names, ports, strict=True)))


def _hold(port: int) -> socket.socket:
    found = socket.socket()
    try:
        found.bind((HOST, port))
    except OSError:
        found.close()
        return _hold(0)
    return found


class Layout:
    """The folder of one demo run."""

    def __init__(self, folder: Path, ports: Ports, *, indicator: Indicator | None = None) -> None:
        """`indicator` is what the platform of lane2 speaks; without one, Toledo's."""
        self.folder = folder.resolve()
        self.indicator = indicator
        self.ports = ports
        self.keys = self.folder / "keys"
        self.wires = self.folder / "wires"
        self.logs = self.folder / "logs"
        self.trust = self.folder / "trust.toml"

    def make(self) -> None:
        """The folders; keys are made by the product itself."""
        for folder in (self.folder, self.wires, self.logs, self.dock.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def enrol(self, run: Enrol) -> None:
        """A county's keys, thrown away with the folder."""
        run(["new-root", str(self.keys), "--name", ROOT])
        lanes = [part for box in LANES.values() for part in ("--box", box)]
        stores = ["--store", CENTRE_STORE, "--store", STATION_STORE]
        others = ["--cosigner", CENTRE, "--witness", WITNESS, "--command", CENTRE]
        run(["enrol", str(self.keys), "--box", CENTRE, "--box", STATION, "--host", HOST])
        run(["enrol", str(self.keys), *lanes, *stores, *others])

    def wire(self, device: str) -> Path:
        return self.wires / device

    def url(self, port: int) -> str:
        return f"http://{HOST}:{port}"

    @property
    def recorder(self) -> Path:
        """The officer's recorder, wherever it is."""
        return self.folder / "recorder"

    @property
    def dock(self) -> Path:
        """Where its storage appears once it is docked."""
        return self.folder / "docks" / "dock-1"

    @property
    def centre_url(self) -> str:
        return self.url(self.ports.centre)

    @property
    def station_url(self) -> str:
        return self.url(self.ports.station)

    @property
    def centre_gate(self) -> str:
        return f"https://{HOST}:{self.ports.centre_gate}"

    def write(self, name: str, table: Table) -> Path:
        path = self.folder / f"{name}.toml"
        path.write_bytes(tomli_w.dumps(table).encode())
        path.chmod(0o600)
        return path

    # --- one table a process ---------------------------------------------------------------------------------

    def witness(self) -> Table:
        return {
            "key": str(self.keys / f"{WITNESS}.witness.key"),
            "state": str(self.folder / "witness"),
            "listen": {"host": HOST, "port": self.ports.witness},
            "root": {"name": ROOT, "public": self.public("root")},
        }

    def centre(self) -> Table:
        sources = {STATION: f"{SOURCE}/station"} | {box: f"{SOURCE}/{lane}" for lane, box in LANES.items()}
        return {
            "box": CENTRE,
            "store_id": CENTRE_STORE,
            "data": str(self.folder / "centre"),
            "keys": {
                "folder": str(self.keys),
                "root": {"name": ROOT, "public": self.public("root")},
                "cosigner": CENTRE,
            },
            "broker": {"host": HOST, "port": self.ports.centre_mqtt},
            "web": {"host": HOST, "port": self.ports.centre},
            "gate": {"host": HOST, "port": self.ports.centre_gate},
            "boxes": [{"name": box, "source": source} for box, source in sources.items()],
            "stations": [{"id": SOURCE, "name_zh": "沂源治超站（演示）", "name_en": "Yiyuan station (demo)"}],
            "county": {
                "roads": [{"name": "S229", "grade": "provincial", "bends": ["60,430", "380,300", "940,220"]}],
                "places": [{"station": SOURCE, "at": "380,300"}],
            },
            "witnesses": [
                {
                    "name": WITNESS,
                    "url": self.url(self.ports.witness),
                    "public": self.public(f"{WITNESS}.witness"),
                }
            ],
        }

    def station(self) -> Table:
        return {
            "data": str(self.folder / "station"),
            "jurisdiction": JURISDICTION,
            "station": {"id": SOURCE, "name_zh": "沂源治超站（演示）", "name_en": "Yiyuan station (demo)"},
            "box": self.identity(STATION),
            "broker": {"host": HOST, "port": self.ports.station_mqtt},
            "store": {"id": STATION_STORE, "key": str(self.keys / f"{STATION_STORE}.store.key")},
            "web": {"host": HOST, "port": self.ports.station},
            "gate": {"host": HOST, "port": self.ports.station_gate},
            "boxes": [
                {
                    "name": box,
                    "source": f"{SOURCE}/{lane}",
                    "name_zh": {"lane1": "预检车道", "lane2": "精检车道"}[lane],
                    "name_en": {"lane1": "Pre-check lane", "lane2": "Platform lane"}[lane],
                    "platform": lane == "lane2",
                }
                for lane, box in LANES.items()
            ],
            "destinations": [self.to_centre()],
            "footage": {
                "reserve_mb": 64,
                "clock_err_ms": 1,  # one clock for all of the demo
                "docks": [
                    {
                        "name": "dock-1",
                        "path": str(self.dock),
                        "driver": "program",
                        "program": list(program_of(self.recorder)),
                    }
                ],
            },
        }

    def lane(self, lane: str) -> Table:
        box = LANES[lane]
        return {
            "data": str(self.folder / lane),
            "lane": _LANE[lane] | {"source": f"{SOURCE}/{lane}", "jurisdiction": JURISDICTION},
            "box": self.identity(box),
            "scale": self.scale(lane) | {"url": str(self.wire(f"{lane}.scale"))},
            "controller": {"url": str(self.wire(f"{lane}.controller"))},
            "allowance": _ALLOWANCE[lane],
            "vision": self.vision(lane),
            "keeping": {"reserve_mb": 8},  # many lanes on the disk of one machine
            "destinations": [self.to_centre(custody=True), self.to_station()],
        }

    def scale(self, lane: str) -> Table:
        row = self.indicator
        if lane != "lane2" or row is None:
            return _SCALE[lane]
        return _SCALE[lane] | {"driver": row.name, "options": lane_options(row)}

    def vision(self, lane: str) -> Table:
        return {
            "cameras": [
                {"name": role, "role": role, "url": f"{self.url(self.ports.cameras)}/{lane}-{role}.ts"}
                | {"region": REGION, "burst": _BURST[role]}
                | {"plate": role in FILMED, "record": role in FILMED}
                for role in CAMERAS[lane]
            ],
            "recorder": {"folder": str(self.folder / lane / "ring"), "max_mb": 2_000, "min_free_mb": 300},
            "plates": {},
        }

    def identity(self, box: str) -> Table:
        return {
            "name": box,
            "key": str(self.keys / f"{box}.key"),
            "certificates": [str(self.keys / f"{box}.cert"), str(self.keys / "enrolment.cert")],
            "root_name": ROOT,
            "root_public": self.public("root"),
            "tls": {
                "certificate": str(self.keys / f"{box}.tls.pem"),
                "authority": str(self.keys / "ca.pem"),
            },
            "renewal": self.centre_gate,
        }

    def to_centre(self, *, custody: bool = False) -> Table:
        return {
            "name": "centre",
            "mqtt": f"mqtts://{HOST}:{self.ports.centre_mqtt}",
            "store_id": CENTRE_STORE,
            "store_public": self.public(f"{CENTRE_STORE}.store"),
            "files": self.centre_gate,
            "command_issuer": CENTRE,
            "command_public": self.public(f"{CENTRE}.command"),
            "custody": custody,
        }

    def to_station(self) -> Table:
        return {
            "name": "station",
            "mqtt": f"mqtts://{HOST}:{self.ports.station_mqtt}",
            "store_id": STATION_STORE,
            "store_public": self.public(f"{STATION_STORE}.store"),
            "files": f"https://{HOST}:{self.ports.station_gate}",
            "live": True,
        }

    def public(self, stem: str) -> str:
        """The public key of a certificate in the folder of keys."""
        note = Note.parse((self.keys / f"{stem}.cert").read_text())
        return encode_base64(Certificate.parse(note.text).public_key)


# Where plates appear in the pictures, in permille.
REGION = [100, 450, 800, 500]
# In front a plate is readable from the trigger until it leaves the picture below; behind, until the tail has gone.
_BURST: dict[str, Table] = {
    "front": {"frames": 5, "before_ms": 400, "after_ms": 700},
    "rear": {"frames": 5, "before_ms": 700, "after_ms": 700},
    "side": {"frames": 3, "before_ms": 350, "after_ms": 350},
}
_LANE: dict[str, Table] = {
    "lane1": {
        "road_class": "national",
        "weighing_grade": "pre_check",
        "joint_mode": "joint",
        "attended": False,
        "direction": "east",
    },
    "lane2": {
        "road_class": "national",
        "weighing_grade": "certified",
        "joint_mode": "joint",
        "attended": True,
        "result_patience_ms": 20_000,
    },
}
# It outlasts every real one: a simulation runs on any day.
_CERTIFICATE: Table = {
    "division_kg": 20,
    "max_kg": 100_000,
    "min_kg": 400,
    "valid_from": "2020-01-01",
    "valid_until": "2099-12-31",
    "issued_by": "simulation",
}
_SCALE: dict[str, Table] = {
    "lane1": {
        "driver": "wim-wj",
        "options": {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"},
        "moving": {"tyres": "type_code"},
        "certificate": _CERTIFICATE
        | {"number": "LC-2026-0101", "grades": ["pre_check"], "accuracy_class": "5", "seals": ["QF-0101"]},
    },
    "lane2": {
        "driver": "toledo-continuous",
        "certificate": _CERTIFICATE
        | {
            "number": "LC-2026-0102",
            "grades": ["certified", "reweigh"],
            "accuracy_class": "III",
            "seals": ["QF-0102"],
        },
        "checks": {"wanted": "never"},  # nobody opens the shifts of a simulation
    },
}
_ALLOWANCE: dict[str, Table] = {
    "lane1": {"mode": "MPE_CLASS", "device_class": "5"},
    "lane2": {"mode": "NONE"},
}
