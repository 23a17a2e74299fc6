"""The jobs in the store. Whoever changes a job becomes its owner, or finds that somebody else has.

A change of phase is written before anything is done about it, and only over the version that it was made
from. What is written without a look at the version is the time of the last restart, which only grows. The
rows have the time of the wall clock, and jobs in memory that of a `SteadyClock`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, Row, and_, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from modules.livekit.delegation.engine.model import Phase, State
from modules.livekit.delegation.jobs.job import DelegationRequest, Job, JobChange, Pair
from modules.livekit.delegation.jobs.leases import Leases
from modules.livekit.delegation.jobs.sealing import DelayIdSealer
from modules.livekit.delegation.jobs.tables import jobs, webhooks

T = TypeVar("T")

CHUNK = 500
React = Callable[[Job], State | None]
"""Returns what an event makes of a job; None when nothing."""
IsWanted = Callable[[Job | None], bool]
"""Tells whether a job is to be kept, in view of the one whose place it takes; None when there is none."""
Touch = Callable[[Iterable[Pair]], None]
"""Hears, after the commit, whose jobs came, ended, were restarted, or were replaced."""


def always(_: Job | None) -> bool:
    """Tell that a job is wanted, whatever it replaces."""
    return True


class Jobs:
    """The jobs of one instance."""

    def __init__(
        self, leases: Leases, instance: str, sealer: DelayIdSealer, touch: Touch, sanity: float = 0.0
    ) -> None:
        """Use the database of the leases.

        Args:
            leases: whose jobs are whose.
            instance: the instance.
            sealer: encrypts delay ids.
            touch: hears what others may want to copy.
            sanity: seconds between two sanity checks; 0 for none.
        """
        database = leases.database
        self._sanity = sanity
        self._database = database
        self._instance = instance
        self._leases = leases
        self._sealer = sealer
        self._touch = touch
        self._clock = leases.clock
        self._insert = sqlite.insert if database.is_sqlite else postgresql.insert

    def add(self, job: Job, is_wanted: IsWanted = always) -> bool:
        """Keep a job, in the place of the one that the same participant has; it is committed at the return.

        Return whether it is kept.

        Args:
            job: the job.
            is_wanted: tells whether it is to be kept after all.

        Raises:
            issuer.store.StoreError: it cannot be kept.
        """
        done = False
        while not done:
            with self._database.write() as connection:
                row = self._row_of(connection, job.asked.pair)
                if not is_wanted(self._job(row) if row else None):
                    return False
                self._leases.hold(connection, job.owner)
                done = self._put(connection, job, row)
        self._touch([job.asked.pair])
        return True

    def _put(self, connection: Connection, job: Job, row: Row[Any] | None) -> bool:
        """Write a job over a row that nobody else can change; or else, unless one has just come."""
        values = self._row(job)
        if row:
            return connection.execute(update(jobs).where(jobs.c.id == row.id).values(values)).rowcount > 0
        first = self._insert(jobs).values(values).on_conflict_do_nothing()
        return connection.execute(first.returning(jobs.c.id)).first() is not None

    def react(
        self, pair: Pair, owner: str, seen: tuple[bytes, float], react: React
    ) -> tuple[Job, Job] | None:
        """Let a job react to a webhook, whose body's hash is remembered until a time.

        Return the job as it was and as it is, and then it is the owner's; None when nothing changes, or when
        the webhook was seen before.
        """
        body_hash, expires_at = seen
        with self._database.write() as connection:
            row = {"body_hash": body_hash, "expires_at": expires_at}
            first = self._insert(webhooks).values(row).on_conflict_do_nothing()
            if connection.execute(first.returning(webhooks.c.body_hash)).first() is None:
                return None
            found = self._row_of(connection, pair)
            before = self._job(found) if found else None
            state = react(before) if before else None
            if before is None or state is None:
                return None
            self._leases.hold(connection, owner)
            self._write(connection, JobChange(before, state), owner)
        if state.phase is Phase.ENDED:
            self._touch([pair])
        return before, Job(before.id, before.asked, state, owner, before.version + 1)

    def settle(
        self, changes: Sequence[JobChange], restarts: Sequence[Job], held: Iterable[str], owner: str
    ) -> set[str]:
        """Write changes and times of restarts; return the ids of jobs that are not as the owner thought.

        Args:
            changes: changes of phase or sid, and ends.
            restarts: jobs with a new time of their last restart.
            held: ids of further jobs that must still be the owner's.
            owner: who asks.
        """
        if not changes and not restarts:
            with self._database.read() as connection:
                return self._lost(connection, set(held), owner)
        with self._database.write() as connection:
            lost = {change.job.id for change in changes if not self._write(connection, change, owner)}
            lost |= self._lost(connection, {*held}, owner)
            self._write_restarts(connection, restarts, owner)
        ended = [change.job for change in changes if change.state.phase is Phase.ENDED]
        self._touch([job.asked.pair for job in (*restarts, *ended)])
        return lost

    def _write(self, connection: Connection, change: JobChange, owner: str) -> bool:
        """Write a change, unless the job was changed meanwhile."""
        job, state = change.job, change.state
        this = and_(jobs.c.id == job.id, jobs.c.version == job.version)
        if state.phase is Phase.ENDED:
            return connection.execute(delete(jobs).where(this)).rowcount > 0
        values = {**self._state_values(state), "owner": owner, "version": job.version + 1}
        return connection.execute(update(jobs).where(this).values(values)).rowcount > 0

    def _write_restarts(self, connection: Connection, restarted: Sequence[Job], owner: str) -> None:
        if restarted:
            drift = self._clock.drift()
            rows = [{"this": job.id, "at": job.state.restarted_at + drift} for job in restarted]
            at: BindParameter[float] = bindparam("at")
            earlier = and_(jobs.c.id == bindparam("this"), jobs.c.owner == owner, jobs.c.restarted_at < at)
            connection.execute(update(jobs).where(earlier).values(restarted_at=at), rows)

    def _lost(self, connection: Connection, ids: set[str], owner: str) -> set[str]:
        """Return which of these jobs are gone, or somebody else's."""
        found: set[str] = set()
        for chunk in chunks(sorted(ids)):
            mine = select(jobs.c.id).where(jobs.c.id.in_(chunk), jobs.c.owner == owner)
            found.update(connection.scalars(mine))
        return ids - found

    def take_over(self, owner: str, limit: int) -> tuple[list[Job], list[Job]]:
        """Make jobs of the dead an owner's, at most `limit`.

        Return them, and those that are forgotten because their delay ids cannot be read: these are empty.
        """
        with self._database.write() as connection:
            ids = self._leases.take_over(connection, owner, limit)
            rows = [
                row
                for chunk in chunks(ids)
                for row in connection.execute(select(jobs).where(jobs.c.id.in_(chunk)))
            ]
            readable = [job for row in rows if (job := self._job(row))]
            known = {job.id for job in readable}
            unreadable = [self._job_with(row, "") for row in rows if row.id not in known]
            connection.execute(delete(jobs).where(jobs.c.id.in_([job.id for job in unreadable])))
        self._touch([job.asked.pair for job in unreadable])
        return readable, unreadable

    def restarted_at(self, job: Job) -> float:
        """Return when a job was restarted last, as others read it."""
        return job.state.restarted_at + self._clock.drift()

    def get(self, job_id: str) -> Job | None:
        """Return a job."""
        found = self._select(jobs.c.id == job_id)
        return found[0] if found else None

    def versions(self, owner: str) -> list[tuple[str, int]]:
        """Return the ids of an owner's jobs, with the version of each."""
        found = select(jobs.c.id, jobs.c.version).where(jobs.c.owner == owner)
        with self._database.read() as connection:
            return [(row.id, row.version) for row in connection.execute(found)]

    def of(self, pairs: Sequence[Pair]) -> dict[Pair, Job]:
        """Return the jobs of some pairs."""
        these = self._select(tuple_(jobs.c.room, jobs.c.identity).in_(pairs))
        return {job.asked.pair: job for job in these}

    def all(self) -> list[Job]:
        """Return every job, the oldest phase first."""
        return self._select()

    def remove(self, job: Job) -> bool:
        """Forget a job, whoever runs it; tell whether it was there."""
        with self._database.write() as connection:
            done = connection.execute(delete(jobs).where(jobs.c.id == job.id)).rowcount > 0
        self._touch([job.asked.pair])
        return done

    def _select(self, *conditions: Any) -> list[Job]:
        found = select(jobs).where(jobs.c.instance == self._instance, *conditions).order_by(jobs.c.since)
        with self._database.read() as connection:
            return [job for row in connection.execute(found) if (job := self._job(row))]

    def _row_of(self, connection: Connection, pair: Pair) -> Row[Any] | None:
        """Return what there is of a pair; on PostgreSQL it stays so until the end of the transaction."""
        this = zip((jobs.c.instance, jobs.c.room, jobs.c.identity), (self._instance, *pair), strict=True)
        found = select(jobs).where(*(column == value for column, value in this)).with_for_update()
        return connection.execute(found).first()

    def _row(self, job: Job) -> dict[str, Any]:
        asked = job.asked
        return {
            "id": job.id,
            "instance": self._instance,
            "room": asked.room,
            "identity": asked.identity,
            "server_name": asked.server_name,
            "sealed": self._sealer.seal(asked.delay_id, job.id),
            "timeout": asked.timeout,
            "owner": job.owner,
            "version": job.version,
            **self._state_values(job.state),
        }

    def _job(self, row: Row[Any]) -> Job | None:
        """Return the job of a row; None when its delay id cannot be read."""
        delay_id = self._sealer.open(row.sealed, row.id)
        return None if delay_id is None else self._job_with(row, delay_id)

    def _job_with(self, row: Row[Any], delay_id: str) -> Job:
        asked = DelegationRequest(row.room, row.identity, row.server_name, delay_id, row.timeout)
        drift = self._clock.drift()
        times = row.timeout, row.since - drift, row.restarted_at - drift
        state = State(Phase(row.phase), *times, sanity=self._sanity, sid=row.sid)
        return Job(row.id, asked, state, row.owner, row.version)

    def _state_values(self, state: State) -> dict[str, Any]:
        drift = self._clock.drift()
        return {
            "phase": state.phase.value,
            "since": state.since + drift,
            "restarted_at": state.restarted_at + drift,
            "sid": state.sid,
        }


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return items in parts that one statement takes."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
