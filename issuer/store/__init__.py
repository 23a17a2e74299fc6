"""The store: what must outlive a process, in one SQLite file or a PostgreSQL database.

It owns the tables, the connections and the migrations, and has one small repository for each kind of thing:
`users`, `sessions`, `attempts`, `browsers`, `issuances`, `claims`, `second_factors`, `pending_steps`,
`upstream_grants`. It leaves to others what the rows mean: when a session begins or ends, how many attempts
are too many, which token is given out. Modules bring tables of their own (`Tables`), and have repositories on
`Store.database`. Nothing here has routes.

What a method has done when it returns survives the end of the process, `kill -9` included. Absent is None.
Times are seconds since 1970, as a `Clock` gives them. A session's id is never here, only its SHA-256.

    [store]
    url = "postgresql://issuer@db.example.org/issuer"

A `Store` must not cross a fork: open it in each process (that is cheap), and run `migrate()` once before.
"""

from issuer.store.branch import Tables
from issuer.store.database import Database
from issuer.store.errors import (
    DuplicateError,
    OutdatedError,
    SpentError,
    StoreError,
    UnknownCommitError,
    ValueRefusedError,
)
from issuer.store.fast.connections import Statement
from issuer.store.fast.group_commit import Redemption, Rows
from issuer.store.repositories.attempts import AttemptPolicy, Attempts, KnownBrowsers, Limit, Pause, Quota
from issuer.store.repositories.claims import UidClaim, UidClaims
from issuer.store.repositories.issuances import Filter, IssuanceRow, Issuances, RoomUse
from issuer.store.repositories.pending_steps import PendingStep, PendingSteps
from issuer.store.repositories.second_factors import SecondFactor, SecondFactors
from issuer.store.repositories.sessions import SessionRow, Sessions
from issuer.store.repositories.upstream_grants import UpstreamGrant, UpstreamGrants
from issuer.store.repositories.users import User, UserChanges, Users
from issuer.store.store import Store

Change = Redemption
"""The name of `Redemption` in modules that were written before."""
Issuance = IssuanceRow
"""The name of `IssuanceRow` in modules that were written before."""
Session = SessionRow

__all__ = [
    "AttemptPolicy",
    "Attempts",
    "Change",
    "Database",
    "DuplicateError",
    "Filter",
    "Issuance",
    "IssuanceRow",
    "Issuances",
    "KnownBrowsers",
    "Limit",
    "OutdatedError",
    "Pause",
    "PendingStep",
    "PendingSteps",
    "Quota",
    "Redemption",
    "RoomUse",
    "Rows",
    "SecondFactor",
    "SecondFactors",
    "Session",
    "SessionRow",
    "Sessions",
    "SpentError",
    "Statement",
    "Store",
    "StoreError",
    "Tables",
    "UidClaim",
    "UidClaims",
    "UnknownCommitError",
    "UpstreamGrant",
    "UpstreamGrants",
    "User",
    "UserChanges",
    "Users",
    "ValueRefusedError",
]
