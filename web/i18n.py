"""Every word a person sees comes from a gettext catalogue, Chinese first; catalogues are .po texts read at the start.

The key of a message is its English text.  `_` marks a key in Python, in templates and in the modules of `static/`;
tests read all three and compare with both catalogues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po

from kernel import vocabulary
from kernel.errors import ConfigError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "zh"
HTML_LANG: Mapping[Language, str] = {"zh": "zh-CN", "en": "en"}  # Han glyphs are chosen by it
COOKIE = "weighpost_lang"
LOCALES = Path(__file__).parent / "locales"
VOCABULARY = Path(vocabulary.__file__).parent  # what the domain calls its things


def mark(text: str) -> str:
    """Marks a key that is looked up later (a table of names); import it as `_`."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The words of one language."""

    language: Language
    messages: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text for this key, with {names} filled in; a key that is missing shows itself."""
        text = self.messages.get(key) or key
        return text.format(**values) if values else text

    def only(self, keys: Iterable[str]) -> dict[str, str]:
        return {key: self(key) for key in keys}

    @property
    def html_lang(self) -> str:
        return HTML_LANG[self.language]


Catalogues = Mapping[Language, Texts]


def load(folders: Sequence[Path]) -> Catalogues:
    """Read zh.po and en.po of every folder, later ones over earlier ones; ConfigError names a file that is not there."""
    return {
        language: Texts(language=language, messages=_messages([f / f"{language}.po" for f in folders]))
        for language in LANGUAGES
    }


def _messages(paths: Iterable[Path]) -> dict[str, str]:
    messages: dict[str, str] = {}
    for path in paths:
        messages.update(read_catalogue(path))
    return messages


def read_catalogue(path: Path) -> dict[str, str]:
    """Key to text.  Fuzzy and untranslated messages are left out."""
    try:
        catalogue = read_po(BytesIO(path.read_bytes()), abort_invalid=True)
    except (OSError, ValueError, PoFileError) as error:
        raise ConfigError.one(str(path), f"cannot be read as a catalogue: {error}") from error
    return {
        str(message.id): str(message.string)
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    }


def choose(cookie: str | None) -> Language:
    """Chinese, unless this person has chosen otherwise."""
    return next((language for language in LANGUAGES if language == cookie), DEFAULT)


def word(table: Mapping[str, str], name: str | None, texts: Texts) -> str:
    """The words for a machine word; itself when it has none, a dash for None."""
    if name is None:
        return "—"
    return texts(table[name]) if name in table else name


def words(table: Mapping[str, str], names: Iterable[str], texts: Texts) -> list[str]:
    return [word(table, name, texts) for name in names]


@cache
def script_keys(folder: Path) -> tuple[str, ...]:
    """The keys that the ES modules of a folder use, so that a page carries those and no more."""
    keys: set[str] = set()
    for path in sorted(folder.glob("*.js")):
        with path.open("rb") as source:
            keys.update(str(found[1]) for found in extract("javascript", source, keywords={"_": None}))
    return tuple(sorted(keys))
