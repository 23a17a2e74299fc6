"""Metrics: on a bind of their own, summed over the workers, the dead ones included."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.harness import DEADLINE, Server, free_port, running, until


@pytest.fixture
def metrics() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def server(log: Path, metrics: str, programs: None) -> Iterator[Server]:
    with running(log, app="counting", metrics_bind=metrics) as started:
        yield started


def asked(metrics: str) -> int:
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=DEADLINE) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        found = re.search(r"^asked_total (\d+)\.0$", answer.read().decode(), re.MULTILINE)
    return int(found[1]) if found else 0


def ask_both(server: Server) -> tuple[int, set[str]]:
    pids: set[str] = set()
    count = 0
    while len(pids) < 2:
        pids.add(server.get()[1].decode())
        count += 1
    return count, pids


def test_counters_are_summed_over_workers_dead_ones_included(server: Server, metrics: str) -> None:
    count, pids = ask_both(server)
    assert asked(metrics) == count
    victim = next(child for child in server.children() if str(child.pid) in pids)
    victim.kill()
    until(lambda: victim.pid not in {c.pid for c in server.children()} and len(server.children()) == 3)
    more, _ = ask_both(server)
    assert asked(metrics) == count + more


def test_a_dead_exporter_is_replaced(server: Server, metrics: str) -> None:
    count, pids = ask_both(server)
    exporter = next(child for child in server.children() if str(child.pid) not in pids)
    exporter.kill()
    until(lambda: exporter.pid not in {c.pid for c in server.children()})
    assert asked(metrics) == count


def test_the_main_address_has_no_metrics(server: Server) -> None:
    assert server.get("/metrics")[0] == 404


def test_the_directory_is_removed_at_the_end(server: Server) -> None:
    files = {Path(f.path).parent for child in server.children() for f in child.open_files()}
    counting = {path for path in files if path.name.startswith("issuer-metrics-")}
    assert len(counting) == 1
    assert server.stop() == 0
    assert not counting.pop().exists()


def test_an_address_in_use_stops_the_start(tmp_path: Path, server: Server, metrics: str) -> None:
    second = Server(tmp_path / "second", metrics_bind=metrics)
    second.process.communicate(timeout=DEADLINE)
    assert second.process.returncode == 1
    assert f"{metrics} is in use" in second.log.read_text()


@pytest.mark.server
def test_off_by_default_and_then_prometheus_is_not_imported(log: Path) -> None:
    with running(log) as server:
        assert len(server.children()) == 2
        assert server.get("/imported/prometheus_client")[1] == b"False"
