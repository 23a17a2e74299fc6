"""How rows hold an identity: every field, in every place, by one piece of code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.identity import Identity
from tests.docs.pages import ROOT

TEXTS = st.text(max_size=20)
IDENTITIES = st.builds(
    Identity,
    backend=TEXTS,
    subject=TEXTS,
    uid=TEXTS,
    attributes=st.dictionaries(TEXTS, st.one_of(TEXTS, st.lists(TEXTS, max_size=3)), max_size=3),
    groups=st.lists(TEXTS, max_size=3).map(tuple),
    auth_level=st.integers(1, 100),
    unknown=st.lists(TEXTS, max_size=3).map(tuple),
    macros=st.dictionaries(
        st.from_regex("[a-z_]{1,9}", fullmatch=True), st.one_of(TEXTS, st.booleans()), max_size=3
    ),
)
NEW_FIELD = """
import sys, types
from pathlib import Path

source = Path("issuer/identity.py").read_text()
line = "    auth_level: int = 1\\n"
assert line in source
changed = source.replace(line, line + "    shoe_size: str = ''\\n", 1)
module = types.ModuleType("issuer.identity")
module.__file__ = "issuer/identity.py"
import issuer

sys.modules["issuer.identity"] = issuer.identity = module
exec(compile(changed, module.__file__, "exec"), module.__dict__)

from tests.authentication.new_field import run

run(Path(sys.argv[1]))
"""


@given(IDENTITIES)
def test_an_identity_comes_back_as_it_went_in(identity: Identity) -> None:
    assert Identity.from_row(identity.to_row()) == identity
    texts = [identity.to_row()[name] for name in ("attributes", "groups", "macros")]
    assert "".join(texts).isascii()


@pytest.mark.parametrize("text", ["", "{", "nil"])
def test_a_row_that_is_none_is_no_identity(text: str) -> None:
    row = Identity("local", "1", "dwho").to_row()
    with pytest.raises(json.JSONDecodeError):
        Identity.from_row(row | {"attributes": text})


def test_a_new_field_is_found_again_everywhere(tmp_path: Path) -> None:
    """A new field of `Identity` is written and read in one place; a test adds one and finds it again in a
    session, a pending sign-in and a grant.
    """
    done = subprocess.run(
        [sys.executable, "-c", NEW_FIELD, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "session 45\npending 45\ngrant 45\n"), done.stderr
