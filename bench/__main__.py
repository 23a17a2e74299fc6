"""Prints the table; the exit status says whether every figure holds."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import delegation, livekit, matrix, oidc, openid, people, postgresql, tls
from bench import directory as ldap
from bench.figures import Figure, asap, hs256, many_sessions, memory, rs256, start
from bench.load import LoadError, require_wrk
from bench.product import Product
from bench.quiet import MOST, Usage
from bench.servers import baseline, free_port

FEW, MANY = 1_000, 1_000_000
OF_JITSI = ("start", "memory", "rs256", "hs256", "asap", "sessions")
OTHERS: dict[str, Callable[[Path], Iterable[Figure]]] = {
    "livekit-token": people.figures,
    "livekit": livekit.figures,
    "delegation": delegation.figures,
    "ldap": ldap.figures,
    "openid": openid.figures,
    "matrix": matrix.figures,
    "oidc": oidc.figures,
    "postgresql": postgresql.figures,
    "tls": tls.figures,
}
NAMES = (*OF_JITSI, *OTHERS)


def figures(directory: Path, wanted: list[str]) -> Iterator[Figure]:
    """Measure what is wanted, one after the other."""
    if set(wanted) & set(OF_JITSI):
        yield from of_jitsi(directory, wanted)
    for name, measure in OTHERS.items():
        if name in wanted:
            yield from measure(directory)


def of_jitsi(directory: Path, wanted: list[str]) -> Iterator[Figure]:
    product = Product(directory / "few", FEW)
    alone: dict[str, Callable[[Product], Figure]] = {"start": start, "memory": memory}
    yield from (measure(product) for name, measure in alone.items() if name in wanted)
    with ExitStack() as stack:
        stack.enter_context(product.running())
        product.check()
        port = free_port()
        stack.enter_context(baseline(directory, port))
        bare = f"http://127.0.0.1:{port}"
        if "rs256" in wanted:
            yield rs256(product)
        if "hs256" in wanted:
            yield hs256(product, bare)
        if "asap" in wanted:
            yield asap(product, bare)
        if "sessions" in wanted:
            full = Product(directory / "many", MANY)
            stack.enter_context(full.running())
            full.check()
            yield many_sessions(product, full)


def measured(figures: Iterator[Figure]) -> Iterator[tuple[Figure, float]]:
    """Give each figure with the share of all cores that others took meanwhile."""
    before = Usage.now()
    for figure in figures:
        yield figure, before.others_until(Usage.now())
        before = Usage.now()


def verdict(figure: Figure, others: float) -> str:
    """Return `pass`, `FAIL`, or `busy` for a ratio that says nothing because others used the cores."""
    if figure.is_ratio and others > MOST:
        return "busy"
    return "pass" if figure.passes else "FAIL"


def line(figure: Figure, others: float) -> str:
    unit = f" {figure.unit}" if figure.unit else ""
    demanded = f"{'<=' if figure.is_most else '>='} {figure.bound:g}{unit}"
    spread = f"{min(figure.values):.3g}-{max(figure.values):.3g}"
    value = f"{figure.value:.3g}{unit}"
    columns = f"{figure.name:<52} {value:>9} {demanded:>9}  {verdict(figure, others)}  {others:>6.0%}"
    return f"{columns}  {spread:<12} {figure.note}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figure", nargs="*", choices=[*NAMES, []], help=f"default: all of {', '.join(NAMES)}")
    wanted = parser.parse_args().figure or list(NAMES)
    try:
        require_wrk()
        print(f"{'figure (median of 5)':<52} {'measured':>9} {'demanded':>9}        others  {'spread':<12}")
        with tempfile.TemporaryDirectory(prefix="issuer-bench-") as directory:
            passes = []
            for figure, others in measured(figures(Path(directory), wanted)):
                print(line(figure, others), flush=True)
                passes.append(verdict(figure, others) == "pass")
    except LoadError as error:
        sys.exit(f"bench: {error}")
    return 0 if all(passes) else 1


if __name__ == "__main__":
    sys.exit(main())
