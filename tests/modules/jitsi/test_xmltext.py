from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.jitsi.xmltext import claims_text, forbidden_in_xml


@settings(deadline=None)
@given(st.text() | st.text(alphabet="a\x00\x01\x0b\x1f\t\n\r\ud800\ufffe\uffff\U0010ffff"))
def test_claims_text_leaves_only_what_xml_allows(text: str) -> None:
    cleaned = claims_text(text)
    assert not forbidden_in_xml(cleaned)
    assert claims_text(cleaned) == cleaned
    kept = [char for char in text if _in_xml(ord(char))]
    assert list(cleaned) == kept


def _in_xml(code: int) -> bool:
    """XML 1.0 §2.2: #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."""
    return code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
