"""A process of its own: `python -m tests.store.hammer record|reserve|migrate|hold URL ...`."""

import sys
import threading

from issuer.store import AttemptPolicy, Store
from issuer.store.database import Database
from issuer.world import SystemClock
from tests.store.samples import issuance

POLICY = AttemptPolicy(free=7, first_wait=600.0, longest_wait=600.0, forget_after=6000.0)
THREADS = 4


def record(store: Store, name: str) -> None:
    """Record issuances until killed; print the id of each when it is recorded."""

    def run(thread: int) -> None:
        for step in range(10**9):
            token_id = f"{name}-{thread}-{step}"
            store.issuances.record(issuance(token_id))
            sys.stdout.write(f"{token_id}\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reserve(store: Store, count: str) -> None:
    """Wait for a line, then try so many attempts; print how many went on."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    went_on = sum(store.attempts.reserve("account:dwho", POLICY) == 0.0 for _ in range(int(count)))
    sys.stdout.write(f"{went_on}\n")


def migrate(store: Store) -> None:
    """Wait for a line, then migrate."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    store.migrate()
    store.check()


def hold(url: str) -> None:
    """Begin to write, and do not end."""
    with Database(url).write():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()


def main(what: str, url: str, argument: str = "") -> None:
    store = Store.open(url, SystemClock())
    match what:
        case "record":
            record(store, argument)
        case "reserve":
            reserve(store, argument)
        case "migrate":
            migrate(store)
        case "hold":
            hold(url)


if __name__ == "__main__":
    main(*sys.argv[1:])
