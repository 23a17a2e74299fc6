"""What `python -m tools.footprint` prints; in a process of its own, which it makes a worker of the server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILES = {"Jitsi login": 26, "password sign-in": 26, "OIDC authorize": 24, "code exchange": 30}


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, "-m", "tools.footprint", "--list"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_requests_enter_few_files(printed: str) -> None:
    """`tools.footprint`: a signed-in `/jitsi/login` enters at most 26 files (36 today), a password sign-in 26
    (39), an OIDC authorize 24 (34), a code exchange 30 (42)."""
    found = {kind: int(files) for kind, files in re.findall(r"^(\S.*?) +(\d+) files", printed, re.MULTILINE)}
    assert found.keys() >= MOST_FILES.keys()
    assert {kind: found[kind] for kind, most in MOST_FILES.items() if found[kind] > most} == {}


def test_the_list_has_as_many_files_and_functions_as_the_line_says(printed: str) -> None:
    for head, listed in re.findall(r"^(\S.*)\n((?:    .*\n)+)", printed, re.MULTILINE):
        files, functions = map(int, re.findall(r"(\d+) f", head))
        lines = [re.fullmatch(r" +(\d+)  (\S+)", line) for line in listed.splitlines()]
        counts = {line[2]: int(line[1]) for line in lines if line}
        assert (len(counts), sum(counts.values())) == (files, functions)
        assert [file for file in counts if not (ROOT / file).is_file()] == []


def test_every_request_asks_the_store(printed: str) -> None:
    kinds = re.split(r"^(?=\S)", printed, flags=re.MULTILINE)[1:]
    assert len(kinds) > len(MOST_FILES)
    form = [kind for kind in kinds if kind.startswith("sign-in form")]  # whoever has no session
    assert [kind for kind in kinds if "issuer/store/" not in kind] == form
