"""Collect the texts for people, and keep the catalogues in `issuer/translations` complete.

Without arguments: update every `.po` from the sources and compile it.
`--check`: say what is missing or stale.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["issuer", "modules", "templates"]
LANGUAGES = ["fr", "de"]


def catalogue_path(language: str) -> Path:
    """Return where a language's texts are."""
    return ROOT / "issuer/translations" / language / "LC_MESSAGES/messages.po"


def collect() -> Catalog:
    """Return the texts of all sources, untranslated."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel annotates all but this
    texts = Catalog()
    for source in SOURCES:
        found = extract_from_dir(ROOT / source, methods, options, strip_comment_tags=True)
        for name, _line, text, comments, context in sorted(found, key=lambda text: text[:2]):
            texts.add(text, locations=[(f"{source}/{name}", 0)], auto_comments=comments, context=context)
    return texts


def read(language: str) -> Catalog:
    """Return a language's catalogue, empty when there is none."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language, header_comment="", project="issuer", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def is_compiled(catalogue: Catalog, binary: Path) -> bool:
    """Say whether a `.mo` holds what the catalogue holds; its header names a day, and is left out."""
    if not binary.exists():
        return False
    with binary.open("rb") as file:
        found = {(text.id, text.context): text.string for text in read_mo(file) if text.id}
    return found == {(text.id, text.context): text.string for text in catalogue if text.id and text.string}


def update(language: str, texts: Catalog) -> None:
    """Bring a language's `.po` and `.mo` in line with the sources; what is gone there goes here."""
    catalogue = read(language)
    texts.creation_date = catalogue.creation_date
    catalogue.update(texts, no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    path = catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, include_lineno=False, width=0)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)


def is_translated(message: Message | None) -> bool:
    """Say whether every form of a text is there, and nobody doubts it."""
    if message is None or message.fuzzy or not message.string:
        return False
    return isinstance(message.string, str) or all(message.string)


def problems(language: str, texts: Catalog) -> Iterator[str]:
    """Say what is missing, left over, wrong or stale in a language."""
    catalogue = read(language)
    for text in texts:
        message = catalogue.get(text.id, text.context)
        if text.id and not is_translated(message):
            yield f"{language}: no translation of {text.id!r}"
    for message in catalogue:
        if message.id and texts.get(message.id, message.context) is None:
            yield f"{language}: nobody says {message.id!r} any more"
        yield from (f"{language}: {message.id!r}: {error}" for error in message.check(catalogue))
    binary = catalogue_path(language).with_suffix(".mo")
    if not is_compiled(catalogue, binary):
        yield f"{language}: {binary.relative_to(ROOT)} is stale"


def main(arguments: list[str]) -> int:
    """Update the catalogues, then say what is still missing; with `--check` only the latter."""
    texts = collect()
    if "--check" not in arguments:
        for language in LANGUAGES:
            update(language, texts)
    found = [problem for language in LANGUAGES for problem in problems(language, texts)]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if found:
        sys.stderr.write(
            "Run `make translations`, and fill in what is empty in issuer/translations/*/LC_MESSAGES.\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
