"""Who holds a port is told from what the kernel lists, and a free port is nobody's."""

from __future__ import annotations

from pathlib import Path

from web.ports import holder

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"


def machine(folder: Path, *, port: int, state: str = "0A") -> Path:
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text(HEADER + LINE.format(port=port, state=state, inode=4711))
    process = folder / "42" / "fd"
    process.mkdir(parents=True)
    (process / "3").symlink_to("socket:[4711]")
    (process / "4").symlink_to("/dev/null")
    (folder / "42" / "cmdline").write_bytes(b"/usr/sbin/mosquitto\0-c\0/etc/mosquitto.conf\0-v\0")
    return folder


def test_the_holder_is_named_with_its_pid(tmp_path: Path) -> None:
    proc = machine(tmp_path, port=1883)
    assert holder(1883, proc=proc) == "/usr/sbin/mosquitto -c /etc/mosquitto.conf (pid 42)"
    assert holder(1884, proc=proc) is None


def test_a_connection_is_no_holder(tmp_path: Path) -> None:
    assert holder(1883, proc=machine(tmp_path, port=1883, state="01")) is None


def test_a_process_that_is_not_ours_to_see_is_still_there(tmp_path: Path) -> None:
    proc = machine(tmp_path, port=1883)
    (proc / "42" / "fd" / "3").unlink()
    assert holder(1883, proc=proc) == "another process"


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert holder(1883, proc=tmp_path) is None
