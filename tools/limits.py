"""Limits of the source that no linter has.

A function has at most 50 lines (the median at most 12), a file 400, a folder 13 files, and a file imports
from at most 15 others of ours: a room that needs more does more than one thing. What puts a room together
(`wiring`, the face of a module, of a backend, of delegated leave) names them all, and is exempt from that.
A public class name stands for one thing.
"""

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOTS = ("issuer", "modules", "tests", "tools", "bench")
PRODUCT = ("issuer", "modules")
LONGEST_FUNCTION = 50
LONGEST_FILE = 400
MEDIAN_FUNCTION = 12
MOST_FILES = 13
"""Beside `__init__.py`."""
MOST_IMPORTS = 15
COMPOSITION = (
    "issuer/wiring/*",
    "modules/*/module.py",
    "*/backend.py",
    "modules/livekit/delegation/delegation.py",
)
"""Files that put a room together."""

Trees = dict[Path, ast.Module]


def long_functions(trees: Trees) -> Iterator[str]:
    """Say which functions are too long, and whether the median is."""
    lengths = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if not path.is_relative_to("tests"):
                    lengths.append(length)
                if length > LONGEST_FUNCTION:
                    yield f"{path}:{node.lineno}: {node.name} has {length} lines (at most {LONGEST_FUNCTION})"
    if lengths and statistics.median(lengths) > MEDIAN_FUNCTION:
        yield f"median function: {statistics.median(lengths)} lines (at most {MEDIAN_FUNCTION})"


def long_files(paths: Iterable[Path]) -> Iterator[str]:
    """Say which files are too long."""
    for path in paths:
        if (lines := path.read_text().count("\n")) > LONGEST_FILE:
            yield f"{path}: {lines} lines (at most {LONGEST_FILE})"


def full_folders(paths: Iterable[Path]) -> Iterator[str]:
    """Say which folders of the product have too many files."""
    counts: dict[Path, int] = defaultdict(int)
    for path in paths:
        counts[path.parent] += path.parts[0] in PRODUCT and path.name != "__init__.py"
    for folder, count in counts.items():
        if count > MOST_FILES:
            yield f"{folder}: {count} files (at most {MOST_FILES}): give some a room of their own"


def busy_files(trees: Trees) -> Iterator[str]:
    """Say which files of the product import from too many others of ours."""
    for path, tree in trees.items():
        if path.parts[0] not in PRODUCT or any(path.match(pattern) for pattern in COMPOSITION):
            continue
        ours = {
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PRODUCT
        }
        if len(ours) > MOST_IMPORTS:
            yield f"{path}: imports from {len(ours)} files of ours (at most {MOST_IMPORTS})"


def ambiguous_classes(trees: Trees) -> Iterator[str]:
    """Say which public class names of the product stand for two things."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if path.parts[0] in PRODUCT and isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{path}:{node.lineno}")
    for name, found in places.items():
        if len(found) > 1:
            yield f"{name} is the name of several classes: {', '.join(found)}"


def main() -> int:
    """Print what is over a limit; return the exit status."""
    paths = sorted(path for root in ROOTS for path in Path(root).rglob("*.py"))
    trees = {path: ast.parse(path.read_text()) for path in paths}
    complaints = [
        *long_functions(trees),
        *long_files(paths),
        *full_folders(paths),
        *busy_files(trees),
        *ambiguous_classes(trees),
    ]
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
