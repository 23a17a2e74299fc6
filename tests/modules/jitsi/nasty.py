"""What strangers send: texts that look like other places, and states around them."""

# ruff: noqa: RUF001 - look-alikes are part of what is thrown

import json

from hypothesis import strategies as st

TRICKS = st.sampled_from(
    ["//evil.example", "..", "%2e%2e", "http://evil.example/x", "\\\\evil.example", "?x", "#x", "\n", "@evil"]
)
LETTERS = st.text(alphabet="aZ9._~%-\\| üΣ🎉２．／", max_size=8)
NASTY = st.text(max_size=20) | LETTERS | TRICKS | st.lists(LETTERS | TRICKS, max_size=4).map("".join)
STATES = (
    st.fixed_dictionaries(
        {}, optional={"room": NASTY, "tenant": NASTY, "config.x": NASTY, "iceServers.y": st.lists(NASTY)}
    ).map(json.dumps)
    | NASTY
)
