"""Who somebody is, and how they prove it.

It owns the sign-in page, its methods and limits, the second factor, and sessions. Login backends
(`issuer.backend`) say who somebody is; rows are the store's.

Routes: `/login`, `/login/<instance>` and below, `/second-factor` and below.

Configuration sample:

    [sessions]
    idle_timeout = "2h"
    lifetime = "12h"
"""
