"""The portal: the pages that people see - sign in, home, sessions, sign out, errors.

It owns the cookies, the sign-in limits, the language and the security headers. Who somebody is comes from the
login backends; what they can do comes from the issuer modules.

Routes: `/`, `/login`, `/logout`, `/sessions`, `/sessions/<handle>/end`, `/sessions/end-others`.

Configuration sample:

    [portal]
    name = "Example sign-in"

    [sessions]
    idle_timeout = "2h"
    lifetime = "12h"
"""
