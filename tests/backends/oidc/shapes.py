"""What providers say of themselves and of people, in the shapes that their vendors document.

Written from public documentation with values of our own (`documented/*.json`, each with its address); none
was recorded from a live service. A null in a token is what the test fills in: nonce and times.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    documented_at: str
    discovery: JSON
    id_token: JSON
    userinfo: JSON
    expected: JSON
    logout: JSON | None = None


SHAPES = {
    file.stem: Shape(**json.loads(file.read_text()))
    for file in sorted(Path(__file__).with_name("documented").glob("*.json"))
}
