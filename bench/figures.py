"""The figures that are demanded, each measured five times."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from bench.baselines.signing import signing_rate
from bench.load import Load, put
from bench.product import Product

ROUNDS = 5
FULL = Load(seconds=2, clients=32)
MODERATE = Load(seconds=3, clients=16, pause=40)
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `bound` is the least value, or the most where `is_most`."""

    name: str
    bound: float
    values: list[float]
    note: str
    unit: str = ""
    is_most: bool = False
    is_ratio: bool = False
    """Of two speeds, which a busy machine does not slow down alike."""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def passes(self) -> bool:
        return self.value <= self.bound if self.is_most else self.value >= self.bound


def ratios(subject: Callable[[], float], baseline: Callable[[], float]) -> tuple[list[float], str]:
    """Measure both side by side; return a ratio for each round, and both medians in words."""
    pairs = []
    for number in range(ROUNDS):
        first, second = (subject, baseline) if number % 2 else (baseline, subject)
        values = {first: first(), second: second()}
        pairs.append((values[subject], values[baseline]))
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return [mine / theirs for mine, theirs in pairs], f"{mine:.4g} : {theirs:.4g}"


def logins(product: Product, instance: str, load: Load) -> Callable[[], tuple[float, float]]:
    """Return what logs people in and gives rate and p99; every login must have its issuance."""

    def measure() -> tuple[float, float]:
        before = product.issuances()
        result = put(load, product.url(f"/{instance}/login"), product.sessions)
        if (recorded := product.issuances() - before) < result.requests:
            raise RuntimeError(f"{result.requests} logins, and {recorded} issuances")
        return result.rate, result.p99

    return measure


def rs256(product: Product) -> Figure:
    login = logins(product, "rs", FULL)
    values, note = ratios(lambda: login()[0], lambda: signing_rate(FULL.seconds))
    return Figure("login, RS256 : raw RSA-2048 signing", 0.35, values, f"{note} /s", is_ratio=True)


def hs256(product: Product, bare: str) -> Figure:
    login = logins(product, "hs", FULL)
    values, note = ratios(lambda: login()[0], lambda: put(FULL, f"{bare}/redirect", product.sessions).rate)
    return Figure("login, HS256 : bare Flask redirect", 0.40, values, f"{note} /s", is_ratio=True)


def asap(product: Product, bare: str) -> Figure:
    values, note = ratios(
        lambda: put(FULL, product.url(product.pem_path)).rate, lambda: put(FULL, f"{bare}/text").rate
    )
    return Figure("asap/<hash>.pem : bare Flask route", 0.80, values, f"{note} /s", is_ratio=True)


def many_sessions(product: Product, full: Product) -> Figure:
    few, many = logins(product, "rs", MODERATE), logins(full, "rs", MODERATE)
    values, note = ratios(lambda: many()[1], lambda: few()[1])
    name = f"p99 of login with {full.sessions:,} sessions : {product.sessions:,}"
    return Figure(name, 1.3, values, f"{note} ms", is_most=True, is_ratio=True)


def start(product: Product) -> Figure:
    def seconds() -> float:
        begin = time.perf_counter()
        with product.running():
            return time.perf_counter() - begin

    return Figure("start to first answer", 2, [seconds() for _ in range(ROUNDS)], "", "s", is_most=True)


def memory(product: Product) -> Figure:
    """Measure the largest worker after some thousand logins."""
    with product.running() as parent:
        logins(product, "rs", Load(seconds=1, clients=32))()
        workers = [resident(worker) for worker in parent.children()]
        note = f"{len(workers)} workers; parent {resident(parent):.0f} MB"
    return Figure("resident memory of a worker", 120, [max(workers)], note, "MB", is_most=True)


def resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / MEGABYTE
