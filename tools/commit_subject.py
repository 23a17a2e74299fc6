"""Refuse a commit whose subject has more than 72 characters: lists of commits cut it there.

python -m tools.commit_subject          the last commit
python -m tools.commit_subject FILE     the message that git has written there (hook commit-msg)
"""

import subprocess
import sys
from pathlib import Path

LONGEST = 72
LAST = ("git", "log", "--max-count=1", "--no-merges", "--format=%s")


def subject(message: str) -> str:
    """Return the first line that is neither empty nor one of git's comments."""
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def main(arguments: list[str]) -> int:
    """Print what is wrong; return the exit status."""
    if arguments:
        message = Path(arguments[0]).read_text(encoding="utf-8")
    else:
        message = subprocess.run(LAST, check=True, capture_output=True, text=True).stdout
    found = subject(message)
    if len(found) <= LONGEST:
        return 0
    print(f"the subject has {len(found)} characters (at most {LONGEST}): {found}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
