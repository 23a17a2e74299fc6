"""Keep functions and files short: no function over 50 lines, no file over 300, median function at most 12."""

import ast
import statistics
import sys
from pathlib import Path

ROOTS = ("issuer", "modules", "tests", "tools", "bench")
LONGEST_FUNCTION = 50
LONGEST_FILE = 300
MEDIAN_FUNCTION = 12


def functions(tree: ast.AST) -> list[tuple[str, int, int]]:
    """Return (name, first line, length in lines) of every function of a module."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(n.name, n.lineno, (n.end_lineno or n.lineno) - n.lineno + 1) for n in found]


def main() -> int:
    """Print what is too long; return the exit status."""
    complaints, lengths = [], []
    for path in sorted(p for root in ROOTS for p in Path(root).rglob("*.py")):
        text = path.read_text()
        if (lines := text.count("\n")) > LONGEST_FILE:
            complaints.append(f"{path}: {lines} lines (at most {LONGEST_FILE})")
        for name, line, length in functions(ast.parse(text)):
            if not path.is_relative_to("tests"):
                lengths.append(length)
            if length > LONGEST_FUNCTION:
                complaints.append(f"{path}:{line}: {name} has {length} lines (at most {LONGEST_FUNCTION})")
    if lengths and statistics.median(lengths) > MEDIAN_FUNCTION:
        complaints.append(f"median function: {statistics.median(lengths)} lines (at most {MEDIAN_FUNCTION})")
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
