"""The colours of static/style.css against WCAG 2.2 §1.4.3 (text) and §1.4.11 (borders and signs)."""

import re
from pathlib import Path

import pytest

import issuer

STYLE = (Path(issuer.__file__).parent / "static/style.css").read_text(encoding="utf-8")
TEXT = [
    *((ink, paper) for ink in ("ink", "muted") for paper in ("paper", "surface", "sunken")),
    *((accent, paper) for accent in ("accent", "accent-strong") for paper in ("paper", "surface", "tint")),
    ("on-fill", "fill"),
    ("on-fill", "fill-strong"),
    *(
        (danger, paper)
        for danger in ("danger", "danger-strong")
        for paper in ("paper", "surface", "danger-tint")
    ),
    ("caution", "caution-tint"),
]
SIGNS = [
    *((sign, paper) for sign in ("edge", "accent", "danger", "fill") for paper in ("paper", "surface")),
    ("edge", "sunken"),
]
LIMITS = [*((ink, paper, 4.5) for ink, paper in TEXT), *((ink, paper, 3.0) for ink, paper in SIGNS)]


def _palettes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)
    )
    return {"light": light, "dark": dark}


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_ruler_is_right() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "paper", "least"), LIMITS)
def test_colours_can_be_told_apart(scheme: str, ink: str, paper: str, least: float) -> None:
    palette = _palettes()[scheme]
    assert _contrast(palette[ink], palette[paper]) >= least


def test_both_schemes_define_the_same_colours() -> None:
    palettes = _palettes()
    assert palettes["light"].keys() == palettes["dark"].keys()
