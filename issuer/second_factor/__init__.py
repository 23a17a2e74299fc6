"""The second factor: an authenticator app that shows six digits, a new one every half minute (RFC 6238).

This room owns who needs a code, which code is right, and how secrets are sealed. Pages, limits and sessions
are the portal's (`issuer.portal.second_step`, `issuer.portal.factor_pages`), the rows the store's. No routes.

Configuration sample:

    [second_factor]
    key_file = "second-factor.key"
    required = 'inGroup("staff")'
"""

from issuer.second_factor.factors import Demand, Factors, SecondFactorLostError, SetUp

__all__ = ["Demand", "Factors", "SecondFactorLostError", "SetUp"]
