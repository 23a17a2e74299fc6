"""What goes wrong in a store."""

from issuer.errors import BadRequestError, GatewayError, UnavailableError
from issuer.runtime import UnknownOutcome


class StoreError(UnavailableError):
    """The database cannot be used: not there, not migrated, locked, full."""

    code = "store_unavailable"


class UnknownCommitError(StoreError, UnknownOutcome):
    """The answer to a COMMIT was lost, and the database cannot be asked: perhaps all was written."""

    code = "commit_unknown"

    def __init__(self, log: str, lost: Exception | None = None) -> None:
        """Keep what was lost, by which the database can be asked later."""
        super().__init__(log)
        self.lost = lost


class DuplicateError(GatewayError):
    """There is already a row with this key."""

    code = "duplicate"


class ValueRefusedError(BadRequestError):
    """A value is none that the database can hold, such as a text with a NUL."""


class OutdatedError(GatewayError):
    """What a row hangs on has ended or changed meanwhile; nothing was written."""

    code = "outdated"


class SpentError(GatewayError):
    """What counts once was used meanwhile, by somebody else."""

    code = "spent"
