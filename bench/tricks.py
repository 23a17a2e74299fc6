"""What each thing that exists for speed alone buys: HS256 logins with it, and without it, side by side.

python -m bench.tricks [TRICK ...]
"""

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.figures import FULL, ROUNDS, logins
from bench.load import require_wrk
from bench.product import Product
from bench.without import TRICKS

SESSIONS = 1000


def bought(trick: str, directory: Path) -> list[float]:
    """Return for each round how much faster logins are with the trick than without it."""
    with_it, without_it = Product(directory / "with", SESSIONS), Product(directory / "without", SESSIONS)
    with ExitStack() as stack:
        stack.enter_context(with_it.running())
        stack.enter_context(without_it.running(sys.executable, "-m", "bench.without", trick))
        sides = logins(with_it, "hs", FULL), logins(without_it, "hs", FULL)
        found = []
        for number in range(ROUNDS):
            order = sides if number % 2 else sides[::-1]
            rates = {side: side()[0] for side in order}
            found.append(rates[sides[0]] / rates[sides[1]] - 1)
    return found


def main() -> None:
    require_wrk()
    print(f"{'HS256 login':<24} {'buys':>8}  spread")
    for trick in sys.argv[1:] or TRICKS:
        with tempfile.TemporaryDirectory(prefix="issuer-bench-") as directory:
            found = bought(trick, Path(directory))
        spread = f"{min(found):+.1%} to {max(found):+.1%}"
        print(f"{trick:<24} {statistics.median(found):>+8.1%}  {spread}", flush=True)


if __name__ == "__main__":
    main()
