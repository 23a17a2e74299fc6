import subprocess
from pathlib import Path

import pytest

from tools.commit_subject import LONGEST, main, subject

WHO = ("-c", "user.name=Rose", "-c", "user.email=rose@example.com", "-c", "commit.gpgsign=false")


def verdict(message: str, folder: Path) -> int:
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message)
    return main([str(file)])


def test_a_subject_has_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict("é" * LONGEST + "\n\n" + "a long line of the body " * 10, tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert verdict("é" * (LONGEST + 1), tmp_path) == 1
    assert "has 73 characters (at most 72)" in capsys.readouterr().out


def test_the_subject_is_the_first_line_that_counts() -> None:
    assert subject("\n# Please enter the message\n  Log: it writes \n\nbody") == "Log: it writes"
    assert subject("# nothing\n") == ""


@pytest.mark.server
def test_the_last_commit_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    for length, status in ((LONGEST + 1, 1), (LONGEST, 0)):
        message = "s" * length
        subprocess.run(["git", *WHO, "commit", "--quiet", "--allow-empty", "-m", message], check=True)
        assert main([]) == status
