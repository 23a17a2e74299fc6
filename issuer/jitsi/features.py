"""The names in `context.features` that Jitsi knows; any other allows nothing, and nobody says so."""

from difflib import get_close_matches

FEATURES = frozenset(
    {
        "branding",
        "calendar",
        "create-polls",
        "file-upload",
        "flip",
        "inbound-call",
        "list-visitors",
        "live-translation",
        "live-translation-subscribe",
        "livestreaming",
        "lobby",
        "moderation",
        "outbound-call",
        "recording",
        "room",
        "screen-sharing",
        "send-groupchat",
        "send-private-message",
        "sip-inbound-call",
        "sip-outbound-call",
        "transcription",
    }
)
"""Of the server (jitsi-meet, mod_jitsi_permissions.lua and others) and the client (base/jwt/constants.ts)."""


def unknown_feature(name: str) -> str | None:
    """Return why a name is useless, with the nearest right one; None when Jitsi knows it."""
    if name in FEATURES:
        return None
    nearest = get_close_matches(name.lower().replace("_", "-")[:40], sorted(FEATURES), n=1, cutoff=0.7)
    advice = f'did you mean "{nearest[0]}"?' if nearest else f"it knows {', '.join(sorted(FEATURES))}"
    return f"Jitsi knows no such feature, and ignores it; {advice}"
