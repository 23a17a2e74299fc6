import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer import jsontext

characters = st.text(st.characters(exclude_categories=()))
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | characters
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(characters, inner), max_leaves=20
)


@given(values)
def test_what_is_written_is_read_as_it_was_in_ascii(value: object) -> None:
    text = jsontext.dump(value)
    assert text.isascii()
    assert jsontext.load(text.decode()) == value == json.loads(text)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        jsontext.dump({"number": [number]})


def test_what_json_has_not_is_refused_or_put_into_words() -> None:
    with pytest.raises(TypeError):
        jsontext.dump({"set": {1}})
    assert jsontext.dump({"é": {1}, "\ud800": None}, str) == b'{"\\u00e9":"{1}","\\ud800":null}'
