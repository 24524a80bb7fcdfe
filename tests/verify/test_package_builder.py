"""What the centre builds, the verifier proves; what does not belong together is not built."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from central.evidence.package import (
    ROOM_FOR_TEXTS,
    Chapter,
    PackagedEntry,
    PackageParts,
    ShownKey,
    page_digest,
    write,
)
from kernel.errors import RefusedError
from tests.verify.making import (
    BOX,
    CENTRE,
    CLIP,
    ENROLMENT,
    NOW_MS,
    PASSAGE,
    PICTURES,
    ROOT,
    WITNESS,
    Log,
    Signer,
    b64,
    central_log,
    certificate,
    inclusion,
    passage_log,
    sha,
    trust_toml,
)
from verify.package import NOT_PROVEN, PROVEN, Report, read_trust, verify

KEYS = (
    ShownKey(role="root", name=ROOT.name, public=ROOT.public),
    ShownKey(role="centre", name=CENTRE.name, public=CENTRE.public),
    ShownKey(role="witness", name=WITNESS.name, public=WITNESS.public),
)


def store(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Files by digest, as the centre's store has them."""
    found = {}
    for data in contents.values():
        digest = sha(data).hex()
        found[digest] = folder / digest
        found[digest].write_bytes(data)
    return found


def chapter_of(log: Log, seqs: tuple[int, ...]) -> Chapter:
    entries = tuple(
        PackagedEntry(
            header=log.entries[seq].header,
            salt=log.entries[seq].salt,
            body=log.entries[seq].body,
            inclusion=tuple(inclusion(log.leaves, seq)),
        )
        for seq in seqs
    )
    note = log.checkpoint() + CENTRE.cosignature(log.text()) + WITNESS.cosignature(log.text())
    return Chapter(
        journal=log.id,
        entries=entries,
        checkpoint=note,
        certificates={
            "box": certificate("box", log.box, ENROLMENT),
            "enrolment": certificate("enrolment", ENROLMENT, ROOT),
        },
    )


def parts_of(
    log: Log,
    folder: Path,
    seqs: tuple[int, ...] = PASSAGE,
    *,
    also: tuple[Chapter, ...] = (),
    **changes: Any,
) -> PackageParts:
    made = PackageParts(
        seq=seqs[1],
        chapters=(chapter_of(log, seqs), *also),
        files=store(folder, {**PICTURES, **CLIP}),
        made_ms=NOW_MS,
        keys=KEYS,
    )
    return replace(made, **changes)


def judge(path: Path) -> Report:
    return verify(path, read_trust(trust_toml()), NOW_MS)


def test_a_built_package_is_proven(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    written = write(parts_of(passage_log(), tmp_path), path)
    report = judge(path)
    assert report.proven, [line.en for line in report.lines if line.verdict != PROVEN]
    assert written.missing == ()
    assert (written.size, written.sha256) == (path.stat().st_size, sha(path.read_bytes()).hex())


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    parts = parts_of(passage_log(), tmp_path)
    assert write(parts, tmp_path / "one.zip").sha256 == write(parts, tmp_path / "two.zip").sha256


def test_ordinary_tools_can_open_it(tmp_path: Path) -> None:
    write(parts_of(passage_log(), tmp_path), tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        source = archive.read("verify_package.py").decode()
        assert "便利副本" in archive.read("README.txt").decode()
    assert names[0] == "package.json"
    assert {"verify.html", "verify_package.py", "README.txt", "certs/box.cert"} <= set(names)
    assert "def ed25519_verify" in source


def test_a_clip_that_stayed_on_its_box_is_reported_missing(tmp_path: Path) -> None:
    parts = parts_of(passage_log(), tmp_path, files=store(tmp_path, PICTURES))
    written = write(parts, tmp_path / "package.zip")
    assert [ref.name for ref in written.missing] == ["clip-front.mp4"]
    wrong = [
        (line.where, line.verdict) for line in judge(tmp_path / "package.zip").lines if line.verdict != PROVEN
    ]
    assert wrong == [("clip-front.mp4", NOT_PROVEN)]


def test_what_is_more_than_a_package_holds_is_missing_the_largest_first(tmp_path: Path) -> None:
    parts = parts_of(passage_log(), tmp_path)
    sizes = sorted(path.stat().st_size for path in parts.files.values())
    all_but_one = ROOM_FOR_TEXTS + sum(sizes[:-1]) + 1
    written = write(parts, tmp_path / "package.zip", largest=all_but_one)
    assert [ref.size for ref in written.missing] == [sizes[-1]]
    wrong = {line.verdict for line in judge(tmp_path / "package.zip").lines} - {PROVEN}
    assert wrong == {NOT_PROVEN}


def test_one_file_named_by_two_entries_is_packed_once(tmp_path: Path) -> None:
    log = passage_log()
    log.add(
        "file.stored",
        {"passage": "p-1", "weighed": log.reference(3), "kind": "clip"},
        {"again.mp4": CLIP["clip-front.mp4"]},
    )
    path = tmp_path / "package.zip"
    write(parts_of(log, tmp_path, (0, 3, 4, 5, 8)), path)
    assert judge(path).proven


def test_references_to_other_journals_are_listed_as_outside(tmp_path: Path) -> None:
    log, other = passage_log(), passage_log(seed="station")
    log.add("passage.decided", {"passage": "p-1", "weighed": other.reference(3)})
    path = tmp_path / "package.zip"
    write(parts_of(log, tmp_path, (0, 3, 8)), path)
    assert judge(path).proven
    with zipfile.ZipFile(path) as archive:
        outside = json.loads(archive.read("package.json"))["outside"]
    assert [(row["journal"], row["seq"]) for row in outside] == [(other.id, 3)]


def with_main(parts: PackageParts, **changes: Any) -> PackageParts:
    return replace(parts, chapters=(replace(parts.chapters[0], **changes), *parts.chapters[1:]))


def spoil(parts: PackageParts, number: int, **changes: Any) -> PackageParts:
    entries = list(parts.chapters[0].entries)
    entries[number] = replace(entries[number], **changes)
    return with_main(parts, entries=tuple(entries))


def test_a_case_of_several_journals_is_proven(tmp_path: Path) -> None:
    lane, station, centre = (
        passage_log(),
        Log(Signer("yiyuan-s01"), "station", process="station"),
        central_log(),
    )
    station.add("passage.decided", {"passage": "p-1", "weighed": lane.reference(3), "act": "held", "by": "x"})
    centre.add("case.recorded", {"case": "云〔2026〕1号", "entries": [lane.reference(3)], "by": "y"})
    also = (chapter_of(station, (0, 1)), chapter_of(centre, (0, 1)))
    path = tmp_path / "package.zip"
    write(parts_of(lane, tmp_path, also=also, case="云〔2026〕1号"), path)
    report = judge(path)
    assert report.proven, [line.en for line in report.lines if line.verdict != PROVEN]
    assert report.case == "云〔2026〕1号"


def test_an_erased_body_travels_with_the_entry_that_erased_it(tmp_path: Path) -> None:
    log, centre = passage_log(), central_log()
    pictures = [sha(data).hex() for data in PICTURES.values()]
    erasure = {"rule": "retention-90", "by": "x", "entries": [log.reference(4)], "files": pictures}
    centre.add("record.erased", erasure)
    parts = spoil(parts_of(log, tmp_path, files=store(tmp_path, CLIP)), 2, salt=None, body=None)
    path = tmp_path / "package.zip"
    write(parts, path)
    assert {line.where for line in judge(path).lines if line.verdict != PROVEN} == {"entry 4", *PICTURES}
    write(replace(parts, chapters=(*parts.chapters, chapter_of(centre, (0, 1)))), path)
    report = judge(path)
    assert report.proven, [line.en for line in report.lines if line.verdict != PROVEN]


def test_a_recovered_entry_stands_for_its_first_identity(tmp_path: Path) -> None:
    old = passage_log()
    log = Log(BOX, "next", before=old)
    log.recover(3, old)
    log.add("vehicle.pictured", {"passage": "p-1", "weighed": old.reference(3)})
    path = tmp_path / "package.zip"
    write(parts_of(log, tmp_path, (0, 1, 2)), path)
    report = judge(path)
    assert report.proven, [line.en for line in report.lines if line.verdict != PROVEN]
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("package.json"))["outside"] == []


def test_parts_that_do_not_belong_together_are_not_built(tmp_path: Path) -> None:
    log, other = passage_log(), passage_log(seed="other")
    parts = parts_of(log, tmp_path)
    entries = parts.chapters[0].entries
    wrong = [
        with_main(parts, entries=entries[1:]),
        with_main(parts, entries=entries[::-1]),
        with_main(parts, entries=(*entries, entries[-1])),
        replace(parts, seq=6),
        replace(parts, chapters=()),
        replace(parts, chapters=(*parts.chapters, *parts.chapters)),
        with_main(parts, checkpoint=other.checkpoint()),
        with_main(parts, checkpoint="nonsense"),
        with_main(parts, journal=other.id),
        spoil(parts, 1, header=other.entries[3].header),
        spoil(parts, 1, header=b"{}"),
        spoil(parts, 1, body=b"{}"),
        spoil(parts, 1, salt=None),
        spoil(parts, 1, inclusion=()),
    ]
    for each in wrong:
        with pytest.raises(RefusedError, match="no package"):
            write(each, tmp_path / "package.zip")


def test_a_file_that_rotted_on_disk_is_not_packed(tmp_path: Path) -> None:
    parts = parts_of(passage_log(), tmp_path)
    victim = next(iter(parts.files.values()))
    victim.write_bytes(b"rotten")
    with pytest.raises(RefusedError, match="not the file"):
        write(parts, tmp_path / "package.zip")
    victim.unlink()
    with pytest.raises(RefusedError, match="cannot be read"):
        write(parts, tmp_path / "package.zip")


def test_hostile_text_in_a_body_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    log = passage_log()
    log.add("passage.decided", {"passage": "p-1", "note": "</script><script>alert(1)</script>@SCRIPT@"})
    write(parts_of(log, tmp_path, (0, 3, 8)), tmp_path / "package.zip")
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        page = archive.read("verify.html").decode()
    assert page.count("</script>") == 2
    assert (
        page_digest() == sha(page.partition('<script id="code">')[2].partition("</script>")[0].encode()).hex()
    )


def unpack(folder: Path, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO((folder / "package.zip").read_bytes())) as archive:
        archive.extract(name, folder)


@pytest.mark.wire  # an async driver: it cannot share a process with the other browser tests
@pytest.mark.timeout(60)
@pytest.mark.parametrize("heavier", [False, True])
async def test_the_page_checks_itself_in_a_browser_without_any_request(tmp_path: Path, heavier: bool) -> None:
    write(parts_of(passage_log(), tmp_path), tmp_path / "package.zip")
    unpack(tmp_path, "verify.html")
    picture = f"files/{sha(PICTURES['front.jpg']).hex()}.jpg"
    unpack(tmp_path, picture)
    if heavier:
        _lighten(tmp_path / "verify.html")
    words, shown = await looked_at(tmp_path / "verify.html", pick=tmp_path / picture)
    assert len(words) == 12
    assert (set(words) == {"相符 matches"}) is not heavier
    assert words.count("不符 DIFFERS") == int(heavier)
    assert "便利副本，不能作为证明" in shown
    assert "本页不查" in shown
    assert page_digest() in shown
    assert sha(WITNESS.public).hex() in shown


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_the_page_of_a_case_checks_every_journal(tmp_path: Path) -> None:
    lane, centre = passage_log(), central_log()
    centre.add("case.recorded", {"case": "c", "entries": [lane.reference(3)], "by": "y"})
    write(parts_of(lane, tmp_path, also=(chapter_of(centre, (0, 1)),), case="c"), tmp_path / "package.zip")
    unpack(tmp_path, "verify.html")
    words, shown = await looked_at(tmp_path / "verify.html")
    assert words == ["相符 matches"] * 20
    assert f"{centre.id[:8]} 第 1 条在日志中" in shown


async def looked_at(page_file: Path, *, pick: Path | None = None) -> tuple[list[str], str]:
    """The first words of every check, and all that is shown, in a browser that asks for nothing and complains of nothing."""
    from playwright.async_api import async_playwright  # half a second that the quick tests need not spend

    requests, complaints = [], []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(page_file.as_uri())
        await page.wait_for_selector("body[data-done=yes]")
        if pick is not None:
            await page.set_input_files("#pick", str(pick))
            await page.wait_for_selector("#files .good")
        words = [await cell.inner_text() for cell in await page.query_selector_all("#checks td:first-child")]
        shown = await page.inner_text("body")
        await browser.close()
    assert requests == [page_file.as_uri()]
    assert complaints == []
    return words, shown


def _lighten(page_file: Path) -> None:
    """Change the mass in the data of the page: its body digest must differ."""
    page = page_file.read_text("utf-8")
    start = page.index('<script type="application/json" id="package">') + len(
        '<script type="application/json" id="package">'
    )
    end = page.index("</script>", start)
    data = json.loads(page[start:end])
    weighed = data["chapters"][0]["entries"][1]
    body = bytearray(base64.b64decode(weighed["body"]))
    body[body.index(b"51300")] = ord("2")
    weighed["body"] = b64(bytes(body))
    page_file.write_text(page[:start] + json.dumps(data) + page[end:], "utf-8")
