"""The hooks of git run what `make` runs."""

import re

from tests.packaging.files import ROOT


def test_every_hook_is_a_command_of_the_makefile() -> None:
    hooks = re.findall(
        r"^ +entry: \.venv/bin/(.+)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE
    )
    assert len(hooks) == 4
    makefile = (ROOT / "Makefile").read_text()
    assert [hook for hook in hooks if f"\t$(BIN)/{hook}" not in makefile] == []
