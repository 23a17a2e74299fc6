"""QR codes, drawn here: what they hold is a secret."""

from io import BytesIO

from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """Return a QR code as an SVG element, without any style of its own."""
    import segno  # noqa: PLC0415 - only those who set their app up need it

    drawn = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        drawn, kind="svg", xmldecl=False, svgns=False, svgclass="qr", lineclass=None, omitsize=True, nl=False
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - of a library, and made of numbers only
