"""The tables of the centre, the same over SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()


def _required(name: str, kind: type[BigInteger] | type[Text] | type[LargeBinary]) -> Column[Any]:
    return Column(name, kind, nullable=False)


# --- custody ---------------------------------------------------------------------------------------------------

head = Table(
    "head",
    metadata,
    Column("journal", String(32), primary_key=True),
    _required("box", Text),
    _required("process", Text),
    _required("public_key", LargeBinary),
    _required("state", Text),
    _required("size", BigInteger),
    _required("frontier", LargeBinary),
    _required("root", LargeBinary),
    _required("kept", BigInteger),
    _required("checkpoint", Text),
    Column("predecessor", String(32)),
    Column("bound", BigInteger),  # of a closed journal: where its successor says that it ends
)
# One open journal a process: whatever a receiver does, the database refuses the second.
Index(
    "head_open",
    head.c.box,
    head.c.process,
    unique=True,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

fork = Table(
    "fork",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("journal", String(32), nullable=False, index=True),
    _required("ours", Text),
    _required("theirs", Text),
)

entry = Table(
    "entry",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("leaf", LargeBinary),
    _required("header", LargeBinary),
    _required("box", Text),
    _required("stream", Text),
    _required("source", Text),
    _required("at_ms", BigInteger),
    _required("received_ms", BigInteger),
    Column("absent", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("entry_received", entry.c.journal, entry.c.received_ms, entry.c.seq)

body = Table(
    "body",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("salt", LargeBinary),
    _required("body", LargeBinary),
    PrimaryKeyConstraint("journal", "seq"),
)

_by_month = MetaData()  # PostgreSQL keeps these two by month of part_at; readers need not know


def _parted(table: Table) -> Table:
    columns = [Column(column.name, column.type, nullable=column.nullable) for column in table.columns]
    return Table(table.name, _by_month, *columns, _required("part_at", BigInteger))


parted_entry, parted_body = _parted(entry), _parted(body)

quarantine = Table(
    "quarantine",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("box", Text),
    _required("stream", Text),
    _required("reason", Text),
    _required("received_ms", BigInteger),
    PrimaryKeyConstraint("journal", "seq"),
)

cosigned = Table(  # newest note of each journal with the cosignatures it has
    "cosigned",
    metadata,
    Column("journal", String(32), primary_key=True),
    _required("size", BigInteger),
    _required("witnessed_size", BigInteger),
    _required("note", Text),
    Column("witnessed_note", Text),
    Column("refused", Text),  # why a witness would not sign: an alarm
)

block = Table(  # roots of 256 leaves each, so that a proof over a million leaves reads four thousand rows
    "block",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("place", BigInteger),
    _required("root", LargeBinary),
    PrimaryKeyConstraint("journal", "place"),
)

certificate = Table(  # who vouches for a journal: the chain its box showed when it was registered
    "certificate",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("place", BigInteger),
    _required("note", Text),
    PrimaryKeyConstraint("journal", "place"),
)

# --- files -----------------------------------------------------------------------------------------------------

named_file = Table(  # every place where an entry names a file
    "named_file",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("name", Text),
    _required("box", Text),
    Column("sha256", String(64), nullable=False),
    _required("size", BigInteger),
    Column("passage", Text),
    _required("kind", Text),  # picture, clip, other
    _required("media_type", Text),
    Column("role", Text),  # of a picture: front, rear, side, plate
    Column("on_demand", Boolean, nullable=False),
    PrimaryKeyConstraint("journal", "seq", "name"),
)
Index("named_file_digest", named_file.c.sha256, named_file.c.box)
Index("named_file_passage", named_file.c.box, named_file.c.passage)

stored_file = Table(
    "stored_file",
    metadata,
    Column("sha256", String(64), nullable=False),
    _required("box", Text),
    _required("stored_ms", BigInteger),
    Column("kept", Boolean, nullable=False, server_default=text("false")),  # in a finished backup
    PrimaryKeyConstraint("sha256", "box"),
)

backup = Table(  # finished ones; what they hold is kept
    "backup",
    metadata,
    Column("sha256", String(64), primary_key=True),  # of the list of contents
    _required("store", Text),
    _required("made_ms", BigInteger),
    _required("journals", BigInteger),
    _required("entries", BigInteger),
    _required("files", BigInteger),
    _required("bytes", BigInteger),
)

requested_file = Table(  # by file.requested of the centre's own journal
    "requested_file",
    metadata,
    Column("sha256", String(64), nullable=False),
    _required("box", Text),
    _required("requested_ms", BigInteger),
    _required("by", Text),
    PrimaryKeyConstraint("sha256", "box"),
)

command_counter = Table(  # strictly growing for each box, whatever the clock does
    "command_counter",
    metadata,
    Column("box", Text, primary_key=True),
    _required("counter", BigInteger),
)

# --- projections -----------------------------------------------------------------------------------------------

passage = Table(
    "passage",
    metadata,
    _required("box", Text),
    _required("passage", Text),
    _required("source", Text),
    _required("station", Text),
    _required("lane", Text),
    Column("journal", String(32)),  # of the weighing; until it arrives all of these are null
    Column("seq", BigInteger),
    Column("at_ms", BigInteger),
    _required("shown_ms", BigInteger),
    _required("received_ms", BigInteger),
    Column("arrived_ms", BigInteger),
    Column("left_ms", BigInteger),
    Column("gross_kg", BigInteger),
    Column("limit_lowest_kg", BigInteger),
    Column("limit_highest_kg", BigInteger),
    Column("limits_kg", Text, nullable=False, server_default="[]"),  # JSON list, lowest first
    Column("over_kg", BigInteger),
    Column("outcome", Text),
    Column("suspected", Boolean),
    Column("grade", Text),
    Column("attended", Boolean),
    Column("axle_count", BigInteger),
    Column("tractor", Text),
    Column("tractor_colour", Text),
    Column("trailer", Text),
    Column("trailer_colour", Text),
    Column("pictured", Boolean, nullable=False, server_default=text("false")),
    Column("files_named", BigInteger, nullable=False, server_default="0"),
    Column("files_stored", BigInteger, nullable=False, server_default="0"),
    Column("clip", Text, nullable=False, server_default="none"),
    Column("missing", Text, nullable=False, server_default="[]"),  # JSON lists of words
    Column("quality", Text, nullable=False, server_default="[]"),
    Column("decided", Text),
    Column("decided_outcome", Text),
    Column("picture", String(64)),
    Column("boot", String(16)),  # these three of a weighing whose clock nobody had set
    Column("mono_ms", BigInteger),
    Column("dated_mono_ms", BigInteger),  # of the check of the clock that has dated it since
    Column("reviewed", Text),  # newest review: confirmed, rejected, returned
    Column("erased_ms", BigInteger),  # when plates and pictures of it went
    Column(
        "taken_back", Boolean, nullable=False, server_default=text("false")
    ),  # by its weigher: counts no more
    Column("corrected", Text),  # the plates that people have said it has
    Column("tractor_hash", String(64)),  # in the place of the texts, where the settings ask for it
    Column("trailer_hash", String(64)),
    PrimaryKeyConstraint("box", "passage"),
)
Index("passage_id", passage.c.passage)
Index("passage_weighing", passage.c.journal, passage.c.seq, unique=True)
Index("passage_shown", passage.c.shown_ms, passage.c.box, passage.c.passage)
Index("passage_place", passage.c.station, passage.c.lane, passage.c.shown_ms)
Index("passage_undated", passage.c.box, passage.c.boot)
Index(
    "passage_keeping",
    passage.c.received_ms,
    sqlite_where=text("erased_ms IS NULL"),
    postgresql_where=text("erased_ms IS NULL"),
)
Index("passage_tractor", passage.c.tractor, passage.c.shown_ms)
Index("passage_tractor_hash", passage.c.tractor_hash)
Index("passage_trailer_hash", passage.c.trailer_hash)
Index("passage_trailer", passage.c.trailer, passage.c.shown_ms)
Index(
    "passage_over",
    passage.c.shown_ms,
    sqlite_where=text("outcome = 'over_limit'"),
    postgresql_where=text("outcome = 'over_limit'"),
)

retold = Table(  # what the successor of a doubted journal says again, by its first identity, and which entry counts
    "retold",
    metadata,
    _required("box", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    Column("by_journal", String(32), nullable=False),
    _required("by_seq", BigInteger),
    PrimaryKeyConstraint("box", "journal", "seq"),
)

passage_entry = Table(  # the entries that speak of a passage, whatever journal they are in
    "passage_entry",
    metadata,
    _required("box", Text),
    _required("passage", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("stream", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("passage_entry_of", passage_entry.c.box, passage_entry.c.passage)
Index(
    "passage_entry_cancelled",
    passage_entry.c.box,
    passage_entry.c.passage,
    sqlite_where=text("stream = 'passage.cancelled'"),
    postgresql_where=text("stream = 'passage.cancelled'"),
)

footage = Table(  # what stations say of recordings: links, what was made of them, marks
    "footage",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("station", Text),
    _required("stream", Text),
    _required("at_ms", BigInteger),
    Column("sha256", String(64), nullable=False),  # of the recording, not of what was made of it
    Column("box", Text),  # of the crossing
    Column("passage", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("footage_of", footage.c.box, footage.c.passage)
Index("footage_file", footage.c.sha256, footage.c.stream)

correction = Table(  # what a person says a plate is; its crossing may arrive after it
    "correction",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("box", Text),  # the lane's
    _required("passage", Text),
    _required("role", Text),
    Column("text", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("correction_of", correction.c.box, correction.c.passage)
Index("correction_text", correction.c.text)

reversal = Table(  # passage.cancelled that names a weighing by its entry alone, until that is here
    "reversal",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("box", Text),
    Column("weighed_journal", String(32), nullable=False),
    _required("weighed_seq", BigInteger),
    Column("weighed_leaf", String(64), nullable=False),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("reversal_box", reversal.c.box)

decision = Table(  # acts name the weighing they are about; it may arrive after them
    "decision",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    Column("weighed_journal", String(32), nullable=False),
    _required("weighed_seq", BigInteger),
    Column("weighed_leaf", String(64), nullable=False),
    _required("act", Text),
    Column("outcome", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("decision_about", decision.c.weighed_journal, decision.c.weighed_seq)

clock_check = Table(  # what the clock of a boot was worth: `true_ms` is what it should have said at `mono_ms`
    "clock_check",
    metadata,
    _required("box", Text),
    Column("boot", String(16), nullable=False),
    _required("mono_ms", BigInteger),
    _required("true_ms", BigInteger),
    PrimaryKeyConstraint("box", "boot", "mono_ms"),
)

source_state = Table(
    "source_state",
    metadata,
    _required("box", Text),
    _required("source", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("said_ms", BigInteger),
    _required("heard_ms", BigInteger),
    _required("waiting", BigInteger),
    _required("disk_free_kb", BigInteger),
    _required("software", Text),
    _required("devices", Text),  # JSON list of DeviceHealth as it was said
    PrimaryKeyConstraint("box", "source"),
)

rollup_hour = Table(
    "rollup_hour",
    metadata,
    _required("station", Text),
    _required("lane", Text),
    _required("hour_ms", BigInteger),
    _required("outcome", Text),
    _required("passages", BigInteger),
    _required("suspected", BigInteger),
    PrimaryKeyConstraint("station", "lane", "hour_ms", "outcome"),
)
Index("rollup_hour_time", rollup_hour.c.hour_ms)

access = Table(
    "access",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("by", Text),
    _required("what", Text),
    Column("passage", Text),
    Column("sha256", String(64)),
    Column("wanted", Text, nullable=False, server_default=""),  # what a list was narrowed to
    PrimaryKeyConstraint("journal", "seq"),
)
Index("access_time", access.c.at_ms)
Index("access_person", access.c.by, access.c.at_ms)
Index("access_passage", access.c.passage, access.c.at_ms)

# --- the centre's acts; what they name may arrive after them ---------------------------------------------------

review = Table(
    "review",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    Column("weighed_journal", String(32), nullable=False),
    _required("weighed_seq", BigInteger),
    Column("weighed_leaf", String(64), nullable=False),
    _required("outcome", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("review_about", review.c.weighed_journal, review.c.weighed_seq)

case_entry = Table(
    "case_entry",
    metadata,
    _required("case_id", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    Column("leaf", String(64), nullable=False),
    _required("at_ms", BigInteger),  # of the newest act that names it
    Column("by_journal", String(32), nullable=False),  # the first act that named it
    _required("by_seq", BigInteger),
    PrimaryKeyConstraint("case_id", "journal", "seq"),
)
Index("case_entry_of", case_entry.c.journal, case_entry.c.seq)

case_state = Table(  # whether a case is closed: the newest act says so; without a row it is open
    "case_state",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    Column("leaf", String(64), nullable=False),
    Column("closed_ms", BigInteger),  # null: it was reopened
    _required("by", Text),
    Column("reason", Text),
    _required("kept_as", Text),
    _required("note", Text),
)

case_noted = (
    Table(  # what a station knows of a case by its own word; of a passage, or `` for what names the case
        "case_noted",
        metadata,
        _required("box", Text),
        _required("case_id", Text),
        _required("lane", Text),  # the box of the passage
        _required("passage", Text),
        Column("journal", String(32), nullable=False),
        _required("seq", BigInteger),
        Column("closed_ms", BigInteger),
        _required("kept_as", Text),
        PrimaryKeyConstraint("box", "case_id", "lane", "passage"),
    )
)

case_named = Table(  # cases that a station's own marks and links name
    "case_named",
    metadata,
    _required("box", Text),
    _required("case_id", Text),
    PrimaryKeyConstraint("box", "case_id"),
)

publication = Table(  # the newest act of each case
    "publication",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("act", Text),
    _required("about", Text),  # JSON list of references
    _required("fields", Text),  # JSON list of names
    Column("until_ms", BigInteger),
)
Index("publication_time", publication.c.at_ms, publication.c.case_id)

instrument_fact = Table(  # certificates, seals, checks and drift of the scales of boxes, as their entries say
    "instrument_fact",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("box", Text),
    _required("device", Text),
    _required("stream", Text),
    _required("at_ms", BigInteger),
    _required("said", Text),  # the body, JSON
    PrimaryKeyConstraint("journal", "seq"),
)
Index("instrument_fact_of", instrument_fact.c.box, instrument_fact.c.stream, instrument_fact.c.at_ms)

instrument_order = Table(  # what the centre says of a scale, and whether its box has accepted it
    "instrument_order",
    metadata,
    _required("box", Text),
    _required("id", Text),
    Column("args", Text),  # JSON list of name and value; without it the box has spoken first
    Column("ordered_ms", BigInteger),
    Column("accepted_ms", BigInteger),
    PrimaryKeyConstraint("box", "id"),
)

hold = Table(  # `thing` is passage:ID, entry:JOURNAL/SEQ or file:SHA256; `box` whose, * for any box's
    "hold",
    metadata,
    _required("thing", Text),
    _required("box", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("by", Text),
    _required("reason", Text),
    Column("until_ms", BigInteger),  # 0: released
    PrimaryKeyConstraint("thing", "box"),
)

marked = Table(  # a rule says that it is to go, and it goes after some days
    "marked",
    metadata,
    _required("box", Text),
    _required("passage", Text),
    _required("rule", Text),
    _required("marked_ms", BigInteger),
    _required("seen_ms", BigInteger),  # when the rule last wanted it
    PrimaryKeyConstraint("box", "passage", "rule"),
)

erasure = (
    Table(  # every entry whose body is to go; `done_ms` once it has, `cleaned` once no byte of it is left
        "erasure",
        metadata,
        Column("journal", String(32), nullable=False),
        _required("seq", BigInteger),
        Column("leaf", String(64), nullable=False),
        _required("box", Text),  # who asks; * is the centre
        Column("by_journal", String(32), nullable=False),  # the record.erased
        _required("by_seq", BigInteger),
        _required("at_ms", BigInteger),
        _required("rule", Text),
        Column("done_ms", BigInteger),
        Column("cleaned", Boolean, nullable=False, server_default=text("false")),
        PrimaryKeyConstraint("journal", "seq"),
    )
)
Index("erasure_time", erasure.c.at_ms)

erased_file = Table(  # the same for files; `box` whose file it is, * for any box's
    "erased_file",
    metadata,
    Column("sha256", String(64), nullable=False),
    _required("box", Text),
    Column("by_journal", String(32), nullable=False),
    _required("by_seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("rule", Text),
    Column("done_ms", BigInteger),
    Column("cleaned", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("sha256", "box"),
)
Index("erased_file_time", erased_file.c.at_ms)

copied = Table(  # journal.recovered entries: whose body lies in them a second time
    "copied",
    metadata,
    Column("by_journal", String(32), nullable=False),
    _required("by_seq", BigInteger),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    PrimaryKeyConstraint("by_journal", "by_seq"),
)
Index("copied_of", copied.c.journal, copied.c.seq)

# --- who may speak ---------------------------------------------------------------------------------------------

enrolment_token = Table(  # good for one box, once; only its hash is here
    "enrolment_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _required("box", Text),
    _required("source", Text),
    _required("hosts", Text),  # JSON list: where the box may be spoken to
    _required("made_ms", BigInteger),
    _required("expires_ms", BigInteger),
    _required("by", Text),
    Column("public_key", Text),  # of the box that has used it
)

enrolled = Table(  # boxes that were certified over the wire; those of the settings need no row
    "enrolled",
    metadata,
    Column("box", Text, primary_key=True),
    _required("source", Text),
    _required("public_key", Text),
    _required("not_after_ms", BigInteger),
    _required("by", Text),
    _required("at_ms", BigInteger),
    Column("renewed", Boolean, nullable=False),
    Column("said", Boolean, nullable=False),  # by an entry of the centre's own journal
)

revocation = Table(  # nothing of this box, or nothing of this journal beyond `size`
    "revocation",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("box", Text),
    Column("journal", String(32)),
    Column("size", BigInteger),
    _required("reason", Text),
    _required("by", Text),
    _required("at_ms", BigInteger),
    Column("said", Boolean, nullable=False),
)

# --- accounts --------------------------------------------------------------------------------------------------

account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    _required("shown", Text),
    _required("role", Text),
    _required("password_hash", Text),
    _required("kind", Text),
    Column("disabled", Boolean, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("account", Text, nullable=False, index=True),
    _required("made_ms", BigInteger),
    _required("expires_ms", BigInteger),
    _required("address", Text),
    _required("agent", Text),
)

token = Table(
    "token",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    _required("role", Text),
    _required("made_ms", BigInteger),
)
