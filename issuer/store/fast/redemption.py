"""What an answer changes in a module's tables: committed together with its issuances, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from issuer.store.fast.connections import Statement

Rows = Sequence[tuple[Statement, dict[str, Any]]]
"""Inserts with their parameters."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """Spends what counts once, and adds rows.

    Args:
        key: what is spent; changes that are committed together are made in the order of their keys, so that
            two processes never wait for each other.
        spend: an update that finds exactly one row, unless somebody else has spent it.
        values: its parameters.
        rows: inserts with their parameters.
    """

    key: bytes
    spend: Statement
    values: dict[str, Any]
    rows: Rows = ()

    def make(self, cursor: Any) -> bool:
        """Run the statements in a transaction of a driver; False: it was spent already."""
        cursor.execute(self.spend.sql, self.spend.parameters(self.values))
        if cursor.rowcount != 1:
            return False
        for statement, values in self.rows:
            cursor.execute(statement.sql, statement.parameters(values))
        return True
