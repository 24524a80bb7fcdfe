"""Both catalogues have every word that is used, and no word that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernel.errors import ConfigError
from web import i18n
from web.extraction import used_keys
from web.i18n import LANGUAGES, LOCALES, Language, choose, load, read_catalogue, script_keys

WEB = Path("web")
HAN = re.compile("[\u4e00-\u9fff]")
PLACES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_used_is_there_and_none_is_idle(language: Language) -> None:
    assert set(read_catalogue(LOCALES / f"{language}.po")) == used_keys(WEB)


def test_chinese_is_chinese_and_both_fill_in_the_same() -> None:
    chinese, english = (read_catalogue(LOCALES / f"{language}.po") for language in LANGUAGES)
    assert [key for key, text in chinese.items() if not HAN.search(text)] == []
    for key in english:
        assert (
            sorted(PLACES.findall(chinese[key]))
            == sorted(PLACES.findall(english[key]))
            == sorted(PLACES.findall(key))
        )


def test_keys_are_found_in_python_templates_and_modules(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('from web.i18n import mark as _\nA = _("in python")\n')
    (tmp_path / "b.html").write_text(
        '<p title="{{ _("in a template") }}">{% if x %}{{ _("in a block") }}{% endif %}</p>'
    )
    (tmp_path / "c.js").write_text('import { _ } from "./texts.js";\nsay(_("in a module", { n: 1 }));\n')
    (tmp_path / "d.txt").write_text('_("not in a text")')
    assert used_keys(tmp_path) == {"in python", "in a template", "in a block", "in a module"}
    assert script_keys(tmp_path) == ("in a module",)


def test_a_missing_key_shows_itself_and_braces_are_filled() -> None:
    texts = load([LOCALES])["zh"]
    assert texts("no such key") == "no such key"
    assert (
        texts("Too many attempts. Try again in {seconds} seconds.", seconds=5)
        == "尝试次数过多，请 5 秒后再试。"
    )
    assert texts.html_lang == "zh-CN"


def test_a_later_folder_wins(tmp_path: Path) -> None:
    for language in LANGUAGES:
        (tmp_path / f"{language}.po").write_text('msgid "Password"\nmsgstr "口令"\n')
    assert load([LOCALES, tmp_path])["zh"]("Password") == "口令"


def test_a_catalogue_that_is_not_there_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load([tmp_path])
    assert missing.value.faults[0][0] == str(tmp_path / "zh.po")
    (tmp_path / "zh.po").write_text('msgid "a"\nnonsense\n')
    with pytest.raises(ConfigError):
        read_catalogue(tmp_path / "zh.po")


@pytest.mark.parametrize(
    ("cookie", "language"), [(None, "zh"), ("en", "en"), ("zh", "zh"), ("fr", "zh"), ("../x", "zh")]
)
def test_chinese_unless_somebody_chose(cookie: str | None, language: str) -> None:
    assert choose(cookie) == language
    assert i18n.DEFAULT == "zh"
