"""How long what strangers send may be: beyond it nothing is normalised, hashed, matched, split or looked up.

The price of a request is bounded before it is paid. A text that is longer than its kind is nobody's and
nothing's: it is refused, or counts as one that is wrong. What only one place reads has its bound there:
parameters of OAuth, names of rooms, addresses to return to.
"""

LONGEST_ADDRESS = 16_384
"""Bytes of a path, and of a query (RFC 9110 §4.1 asks for 8,000 in all)."""
LONGEST_HEADER = 32_768
"""Bytes of the value of a header."""
LONGEST_COOKIES = 32_768
"""Bytes of all cookies; sites beside ours have theirs among them."""
LONGEST_LOGIN = 256
"""Characters of a user name that somebody types."""
LONGEST_PASSWORD = 4096
"""Characters of a password that somebody types; a backend may take fewer."""
LONGEST_CODE = 100
"""Characters of a code that somebody types, with what they put between its digits."""
LONGEST_ID = 128
"""Characters of an id or token that we gave to a browser."""
LONGEST_SECRET = 1024
"""Characters of a client's secret."""
LONGEST_LOGGED = 300
"""Characters of a path in the log."""
