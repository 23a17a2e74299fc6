"""The catalogues are complete, and the check that says so can fail."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from tools import translations


def test_every_text_is_translated_and_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    assert translations.main(["--check"]) == 0, capsys.readouterr().err


def test_texts_of_templates_and_of_python_are_found() -> None:
    texts = translations.collect()
    assert "Stay signed in" in texts
    assert "Something went wrong here." in texts


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one text and no catalogue."""
    for folder in translations.SOURCES:
        (tmp_path / folder).mkdir()
    (tmp_path / "babel.cfg").write_text("[jinja2: **.html]\n")
    (tmp_path / "templates/page.html").write_text("{{ _('Hello, %(name)s', name=name) }}")
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    return tmp_path


def _translate(language: str, text: str) -> None:
    catalogue = Catalog(locale=language, fuzzy=False)
    catalogue.add("Hello, %(name)s", text)
    with translations.catalogue_path(language).open("wb") as file:
        write_po(file, catalogue)


def test_a_missing_translation_is_told_by_language(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert translations.main([]) == 1
    assert "fr: no translation of 'Hello, %(name)s'" in capsys.readouterr().err


def test_a_wrong_placeholder_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    translations.main([])
    for language in translations.LANGUAGES:
        _translate(language, "Bonjour, %(nom)s")
    assert translations.main([]) == 1
    assert "fr: 'Hello, %(name)s': " in capsys.readouterr().err


def test_a_stale_binary_and_a_text_that_is_gone_are_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    translations.main([])
    for language in translations.LANGUAGES:
        _translate(language, "Salut, %(name)s")
    assert translations.main(["--check"]) == 1
    assert "messages.mo is stale" in capsys.readouterr().err
    assert translations.main([]) == 0
    (root / "templates/page.html").write_text("")
    assert translations.main(["--check"]) == 1
    assert "nobody says 'Hello, %(name)s' any more" in capsys.readouterr().err
