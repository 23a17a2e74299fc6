"""LiveKit tokens for people who are signed in here, or who have a token of an issuer that is trusted.

Owns the body, the origins, the identities, the claims and the answers of `POST token`, below the instance's
path; leaves to the module the SFU and its secret, to the core sessions, bearer tokens, rules and the record.

Configuration sample, in the section of the instance:

    [modules.livekit.people]
    identity_secret_file = "livekit-identity-secret"
    origins = ["https://app.example.com"]
"""
