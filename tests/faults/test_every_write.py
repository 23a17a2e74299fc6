"""Each kind of write, and what goes wrong at its commit."""

import itertools
from collections.abc import Callable
from enum import StrEnum

import pytest

from tests.faults import dying
from tests.faults.house import House
from tests.faults.kinds import KINDS, Kind, UserChanged
from tests.faults.proxy import PATIENCE, Fault, Proxy

pytestmark = pytest.mark.real

NUMBERS = itertools.count(1)


class Death(StrEnum):
    """A process that dies at its commit."""

    BEFORE = "SIGKILL before"
    AFTER = "SIGKILL after"


def killer(house: House, kind: Kind) -> Callable[[], None]:
    """Return what ends the process whose write it is."""

    def kill_command() -> None:
        assert isinstance(kind, UserChanged)
        kind.command.kill()

    return kill_command if isinstance(kind, UserChanged) else house.kill_workers


@pytest.mark.parametrize("fault", [*Fault, *Death])
@pytest.mark.parametrize("name", KINDS)
def test_who_repeats_gets_what_they_should_once(
    house: House, proxy: Proxy, name: str, fault: Fault | Death
) -> None:
    """For each kind of write (sign-in, issuance, code, refresh, device, session end, consent, job accepted,
    job moved, leave, second factor, user changed) × COMMIT's answer lost, connection cut before COMMIT, at
    COMMIT, SIGKILL before and after: the person or client that repeats gets what it should once; nothing
    is revoked, doubled, forgotten or told wrongly. On PostgreSQL and, where it applies, SQLite.

    What counts once and was used by a process that died before its answer is refused (RFC 6749 §4.1.2), and
    the next one counts.
    """  # noqa: RUF002 - as the line has it
    kind = KINDS[name](house, f"p{next(NUMBERS)}")
    kind.prepare()
    if isinstance(fault, Death):
        at = Fault.CUT_AT if fault is Death.BEFORE else Fault.LOST
        trap = proxy.trap(kind.words, at, then=killer(house, kind))
    else:
        trap = proxy.trap(kind.words, fault)
    tries = house.repeat(kind.act)
    assert trap.struck.wait(PATIENCE)
    judge(kind, tries, died_after=fault is Death.AFTER)


@pytest.mark.parametrize("death", Death)
@pytest.mark.parametrize("name", KINDS)
def test_who_repeats_gets_it_once_on_sqlite(dying_house: House, name: str, death: Death) -> None:
    """For each kind of write (sign-in, issuance, code, refresh, device, session end, consent, job accepted,
    job moved, leave, second factor, user changed) × COMMIT's answer lost, connection cut before COMMIT, at
    COMMIT, SIGKILL before and after: the person or client that repeats gets what it should once; nothing
    is revoked, doubled, forgotten or told wrongly. On PostgreSQL and, where it applies, SQLite.

    There the answer of a commit cannot be lost: what is left is that its process dies.
    """  # noqa: RUF002 - as the line has it
    kind = KINDS[name](dying_house, f"p{next(NUMBERS)}")
    kind.prepare()
    folder = dying_house.file.parent
    dying.put(folder, dying.BEFORE if death is Death.BEFORE else dying.AFTER, kind.words)
    tries = dying_house.repeat(kind.act)
    assert dying.is_taken(folder)
    judge(kind, tries, died_after=death is Death.AFTER)


def judge(kind: Kind, tries: list[int], *, died_after: bool) -> None:
    """See to the end of the tries, and to what is there then."""
    if died_after and kind.after_kill:
        assert tries[-1] in kind.after_kill
    else:
        assert tries[-1] < 400, tries
    kind.check(tries[-1], died_after=died_after)
