"""The second factor: an authenticator app that shows six digits, a new one every half minute (RFC 6238).

This room owns who needs a code, which code is right, how secrets are sealed, and the pages. The rows are the
store's.

Routes: `/second-factor` and below.

Configuration sample:

    [second_factor]
    key_file = "second-factor.key"
    required = 'inGroup("staff")'
"""

from issuer.authentication.factors.registry import Demand, Factors, SecondFactorLostError, SetUp

__all__ = ["Demand", "Factors", "SecondFactorLostError", "SetUp"]
