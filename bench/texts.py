"""What hostile texts cost: `python -m bench.texts` prints a table with the worst text for each route.

A ratio is the processor time of the request's thread, against the same request with nothing hostile in it,
best of five on both sides. Texts and inputs are those of `tests/core/test_hostile_texts.py`.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.core.strangers import Input, Sender, inputs, open_to_strangers, taken
from tests.hostile import UNITS

TIMES = 5
CHEAP = 3.0
"""A text whose first request costs less than so many ordinary ones is not sent again."""


@dataclass(frozen=True)
class Cost:
    """What one text costs in one place."""

    ratio: float
    seconds: float
    place: Input
    unit: str

    def __str__(self) -> str:
        """Return a row of the table."""
        place = " ".join(dict.fromkeys([self.place.place, self.place.name]))
        return f"{self.ratio:7.1f}  {self.seconds * 1000:8.2f} ms  {ascii(self.unit)[:14]:14}  {place}"


def spent(sender: Sender, request: dict[str, Any]) -> float:
    """Return the processor time of this thread that a request takes, in seconds."""
    begun = time.thread_time()
    sender.send(**request)
    return time.thread_time() - begun


def best(sender: Sender, request: dict[str, Any]) -> float:
    """Return the least of five times."""
    return min(spent(sender, request) for _ in range(TIMES))


def costs(sender: Sender, table: list[Input], texts: int) -> Iterator[Cost]:
    """Measure so many texts for each input, in turn."""
    for number, place in enumerate(table):
        ordinary = best(sender, place.ordinary())
        for step in range(texts):
            unit = UNITS[(number * texts + step) % len(UNITS)]
            request = place.request(unit)
            if spent(sender, request) > CHEAP * ordinary:
                seconds = best(sender, request)
                yield Cost(seconds / ordinary, seconds, place, unit)


def main() -> None:
    """Print the worst of each route, the worst first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=8, help="how many texts each input gets")
    texts = parser.parse_args().texts
    logging.disable(logging.CRITICAL)
    worst: dict[tuple[str, str], Cost] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        gateway = open_to_strangers(Path(folder), patch)
        for cost in costs(Sender(gateway), taken(inputs(gateway)), texts):
            route = cost.place.method, cost.place.path
            worst[route] = max(cost, worst.get(route, cost), key=lambda found: found.ratio)
        gateway.close()
    print("  ratio   thread time  text            in")
    for (method, path), cost in sorted(worst.items(), key=lambda item: -item[1].ratio):
        print(f"{cost}   {method} {path}")


if __name__ == "__main__":
    main()
