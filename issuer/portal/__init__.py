"""The portal: the pages that a signed-in person sees - home, sessions, sign out - and the error pages.

Signing in is `issuer.authentication`; cookies, language and security headers are `issuer.web`. What people
can do comes from the issuer modules.

Routes: `/`, `/logout`, `/sessions`, `/sessions/<handle>/end`, `/sessions/end-others`.

Configuration sample:

    [portal]
    name = "Example sign-in"
"""
