"""Copy what the demo's pages use from npm into `modules/demo/static`, with its licences: `make vendor`.

The versions are in `modules/demo/vendor/package-lock.json`. The copies are committed, so that nothing is
fetched when the demo is installed or run.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "modules/demo/vendor"
TARGET = ROOT / "modules/demo/static"
WORK = ROOT / "var/vendor"
FILES = {"livekit-client/dist/livekit-client.umd.js": "livekit-client.umd.js"}
LICENCES = "livekit-client.licences.txt"


def main() -> None:
    """Install what is pinned, and copy."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, WORK / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, check=True, cwd=WORK)
    for source, name in FILES.items():
        shutil.copy(WORK / "node_modules" / source, TARGET / name)
    (TARGET / LICENCES).write_text("\n".join(licences()), encoding="utf-8")


def licences() -> Iterator[str]:
    """Return name, version and licence of every package that the copies may hold parts of."""
    lock = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))
    for place, package in lock["packages"].items():
        folder = WORK / place
        if not place or place.startswith("node_modules/@types/"):
            continue
        yield f"=== {place.removeprefix('node_modules/')} {package['version']} ({package['license']})\n"
        for file in sorted(folder.iterdir()):
            if file.name.lower().startswith(("license", "licence", "notice", "copying")):
                yield file.read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
