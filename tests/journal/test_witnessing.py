"""The centre's cosignature and the witness's, against the witness as it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from journal.keys import SigningKey
from journal.witnessing import Cosigner, Introduction, WitnessClient, proof_of
from kernel.errors import LinkError, ProtocolError, RefusedError
from kernel.evidence import notes, tree
from kernel.evidence.notes import Note
from tests.verify.making import WITNESS, Log, Signer, passage_log
from tests.verify.witnessing import CERTS, a_witness
from verify.witness import Witness

KEY = SigningKey.generate(kind="cosigner", name="yiyuan-centre")


class Clock:
    def now_ms(self) -> int:
        return 1_790_000_000_000

    def mono_ms(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def root_at(log: Log) -> Callable[[int], bytes]:
    return lambda size: tree.root(log.leaves[:size])


def client_of(witness: Witness, *, spoil: Callable[[str], str] = lambda text: text) -> WitnessClient:
    def answer(request: httpx.Request) -> httpx.Response:
        reply = witness.cosign(request.content)
        return httpx.Response(reply.status, text=spoil(reply.text))

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return WitnessClient(name=WITNESS.name, public_key=WITNESS.public, url="http://witness", http=http)


async def ask(client: WitnessClient, log: Log, size: int, *, signed: str | None = None) -> notes.Signature:
    first = log.entries[0]
    return await client.cosign(
        log.checkpoint(size),
        proof=proof_of(lambda start, count: log.leaves[start : start + count]),
        introduce=lambda: Introduction(
            genesis=(first.header, first.salt or b"", first.body or b""), certificates=CERTS
        ),
        cosigned=lambda: signed,
    )


def cosigned(log: Log, size: int, signature: notes.Signature, name: str, key: bytes) -> int | None:
    note = Note.parse(log.checkpoint(size)).with_signature(signature)
    return notes.cosigned_at(note, name=name, public_key=key)


async def test_a_witness_signs_what_continues_and_learns_a_new_journal(tmp_path: Path) -> None:
    log, client = passage_log(), client_of(a_witness(tmp_path))
    for size in (1, 2, len(log.entries)):
        assert cosigned(log, size, await ask(client, log, size), WITNESS.name, WITNESS.public)


async def test_a_client_that_forgot_is_told_how_far_the_witness_is(tmp_path: Path) -> None:
    log, witness = passage_log(), a_witness(tmp_path)
    await ask(client_of(witness), log, 2)
    again = await ask(client_of(witness), log, len(log.entries))
    assert cosigned(log, len(log.entries), again, WITNESS.name, WITNESS.public)


async def test_a_witness_refuses_another_history(tmp_path: Path) -> None:
    log, other = passage_log(), passage_log(gross_kg=48_000)
    client = client_of(a_witness(tmp_path))
    await ask(client, log, len(log.entries))
    with pytest.raises(RefusedError):
        await ask(client, other, len(other.entries))


@pytest.mark.parametrize("remembered", [0, 3])
async def test_i10_a_witness_that_was_set_back_is_shown_its_own_signature_first(
    tmp_path: Path, remembered: int
) -> None:
    log, rewritten = passage_log(), passage_log(gross_kg=48_000)
    witness = a_witness(tmp_path)
    client = client_of(witness)
    if remembered:
        await ask(client, log, remembered)
    backup = (tmp_path / "heads.db").read_bytes()
    line = await ask(client, log, 7)
    signed = Note.parse(log.checkpoint(7)).with_signature(line).format()
    witness.close()
    (tmp_path / "heads.db").write_bytes(backup)

    restored = a_witness(tmp_path)
    again = client_of(restored)
    assert cosigned(log, 8, await ask(again, log, 8, signed=signed), WITNESS.name, WITNESS.public)
    with pytest.raises(RefusedError):
        await ask(client_of(restored), rewritten, 8, signed=signed)
    restored.close()


@pytest.mark.parametrize("note", ["other key", "larger", "smaller"])
async def test_a_note_that_reminds_of_nothing_changes_nothing(tmp_path: Path, note: str) -> None:
    log, witness = passage_log(), a_witness(tmp_path)
    await ask(client_of(witness), log, 3)
    line = WITNESS.cosignature if note != "other key" else Signer(WITNESS.name, "other").cosignature
    size = {"other key": 5, "larger": 8, "smaller": 2}[note]
    signed = log.checkpoint(size) + line(log.text(size))
    again = await ask(client_of(witness), log, 6, signed=signed)
    assert cosigned(log, 6, again, WITNESS.name, WITNESS.public)
    witness.close()


async def test_a_forged_answer_is_no_signature(tmp_path: Path) -> None:
    log = passage_log()
    client = client_of(a_witness(tmp_path), spoil=lambda text: text.replace(WITNESS.name, "somebody-else"))
    with pytest.raises(ProtocolError):
        await ask(client, log, 1)


async def test_a_witness_that_is_away_or_broken_is_asked_again_later() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    for transport in (httpx.MockTransport(away), httpx.MockTransport(lambda _: httpx.Response(503))):
        http = httpx.AsyncClient(transport=transport)
        client = WitnessClient(name=WITNESS.name, public_key=WITNESS.public, url="http://w", http=http)
        with pytest.raises(LinkError):
            await ask(client, passage_log(), 1)


def test_i10_the_centre_never_signs_two_histories_restored_or_not(tmp_path: Path) -> None:
    log, other = passage_log(), passage_log(gross_kg=48_000)
    whole = len(log.entries)
    cosigner = Cosigner(tmp_path / "cosigner.db", key=KEY, clock=Clock())
    signature = cosigner.cosign(log.checkpoint(2), root_at=root_at(log))
    assert cosigned(log, 2, signature, KEY.name, KEY.public)
    cosigner.cosign(log.checkpoint(whole), root_at=root_at(log))
    cosigner.close()

    again = Cosigner(tmp_path / "cosigner.db", key=KEY, clock=Clock())
    for size in (whole, whole - 1):
        with pytest.raises(RefusedError):
            again.cosign(other.checkpoint(size), root_at=root_at(other))
    again.cosign(log.checkpoint(whole), root_at=root_at(log))


def test_i10_a_cosigner_that_was_set_back_takes_its_own_signature_as_the_floor(tmp_path: Path) -> None:
    log = passage_log()
    whole = len(log.entries)
    first = Cosigner(tmp_path / "a.db", key=KEY, clock=Clock())
    signed = Note.parse(log.checkpoint(whole)).with_signature(
        first.cosign(log.checkpoint(whole), root_at=root_at(log))
    )
    forgot = Cosigner(tmp_path / "b.db", key=KEY, clock=Clock())
    with pytest.raises(RefusedError):  # the restored store has another history below that size
        forgot.cosign(signed.format(), root_at=root_at(passage_log(gross_kg=48_000)))


def test_i10_the_floor_outlives_the_moment_in_which_it_was_found(tmp_path: Path) -> None:
    log, other = passage_log(), passage_log(gross_kg=48_000)
    whole = len(log.entries)
    first = Cosigner(tmp_path / "a.db", key=KEY, clock=Clock())
    signed = Note.parse(log.checkpoint(whole)).with_signature(
        first.cosign(log.checkpoint(whole), root_at=root_at(log))
    )
    set_back = Cosigner(tmp_path / "b.db", key=KEY, clock=Clock())
    set_back.cosign(signed.format(), root_at=root_at(log))
    set_back.close()
    again = Cosigner(tmp_path / "b.db", key=KEY, clock=Clock())
    for size in (1, whole):
        with pytest.raises(RefusedError):
            again.cosign(other.checkpoint(size), root_at=root_at(other))


def test_a_note_that_cannot_be_read_keeps_nobody_from_starting(tmp_path: Path) -> None:
    log = passage_log()
    first = Cosigner(tmp_path / "a.db", key=KEY, clock=Clock())
    signature = first.cosign(log.checkpoint(2), root_at=root_at(log))
    good = Note.parse(log.checkpoint(2)).with_signature(signature)
    spoilt = good.with_signature(replace(signature, payload=bytes(72)))  # two lines of one key
    forgot = Cosigner(tmp_path / "b.db", key=KEY, clock=Clock())
    assert forgot.adopt([spoilt.format(), "noise", good.format()]) == 1


def test_a_root_that_the_receiver_does_not_find_is_not_signed(tmp_path: Path) -> None:
    log = passage_log()
    cosigner = Cosigner(tmp_path / "c.db", key=KEY, clock=Clock())
    with pytest.raises(RefusedError):
        cosigner.cosign(log.checkpoint(2), root_at=lambda size: b"\0" * 32)


def test_the_introduction_is_what_a_witness_reads() -> None:
    table = Introduction(genesis=(b"h", b"s", b"b"), certificates=("c",)).table()
    assert json.loads(json.dumps(table)) == {
        "genesis": {"header": "aA==", "salt": "cw==", "body": "Yg=="},
        "certs": ["c"],
    }
