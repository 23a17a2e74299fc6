"""What happens when a portal session ends: its grants end, and clients hear of it."""

from collections.abc import Sequence

from modules.oidc.provider import Provider

OFFLINE = "offline_access"
"""A scope whose grants outlive the session (OIDC Core §11)."""


class SignOuts:
    """Hears of sessions that end."""

    def __init__(self, provider: Provider) -> None:
        """Keep what hangs on sessions."""
        self._provider = provider

    def sessions_ended(self, sessions: Sequence[bytes], successor: bytes | None) -> None:
        """End the grants of sessions, or let them go on with the session in their place."""
        provider = self._provider
        for session in sessions:
            if successor is not None:
                provider.grants.move(session, successor)
                continue
            for grant in provider.grants.of_session(provider.instance, session):
                if OFFLINE not in grant.scope:
                    provider.grants.revoke(grant.id)
