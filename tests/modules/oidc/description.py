"""The module's OpenAPI description, as it stands and for a client that is known; and runs of Schemathesis."""

import copy
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.docs.pages import ROOT

DESCRIPTION = ROOT / "docs/oidc-openapi.json"
PROGRAMS = ("/token", "/revoke", "/introspect", "/par", "/device_authorization")
REQUEST = ("response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method")
PROOFS = ("client_secret", "client_assertion", "client_assertion_type")
SCOPES = ["openid", "openid profile", "read", "openid read nonsense"]


def operations(description: Mapping[str, Any]) -> set[str]:
    """Every operation, as Schemathesis names it."""
    paths = description["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def of_a_client(description: Mapping[str, Any], query: str) -> dict[str, Any]:
    """The same for a client that is known: then requests get further than to being refused.

    `query` is an authorization request. Proofs are left out, for a header is one.
    """
    known = {name: [EXAMPLES[name]] for name in ("client_id", "redirect_uri", "resource")}
    known |= {"scope": SCOPES, "request": [query]}
    found = copy.deepcopy(dict(description))
    for path, methods in found["paths"].items():
        for operation in methods.values():
            _narrow(operation, known, REQUEST if path in {"/authorize", "/par"} else ())
    good = dict(parse_qsl(query))
    for path, body in {**BODIES, "/par": good, "/consent": {"request": query}}.items():
        (content,) = found["paths"][path]["post"]["requestBody"]["content"].values()
        content["example"] = body
    return found


BODIES = {
    "/token": {"grant_type": "client_credentials", "scope": "read"},
    "/device_authorization": {"scope": "openid"},
    "/revoke": {"token": "x"},
    "/introspect": {"token": "x"},
}
"""Requests that are good: one of each is sent at least."""
EXAMPLES = {
    "client_id": "wiki",
    "redirect_uri": "https://wiki.example.com/oidc/callback",
    "resource": "https://api.example.com/",
}


def _narrow(operation: dict[str, Any], known: dict[str, list[str]], required: tuple[str, ...]) -> None:
    for parameter in operation.get("parameters", []):
        parameter["required"] = parameter["required"] or parameter["name"] in required
        _restrict(parameter["name"], parameter["schema"], known)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        schema["properties"] = {n: s for n, s in schema["properties"].items() if n not in PROOFS}
        schema["required"] = sorted({*schema["required"], *required} & schema["properties"].keys())
        for name, inner in schema["properties"].items():
            _restrict(name, inner, known)


def _restrict(name: str, schema: dict[str, Any], known: dict[str, list[str]]) -> None:
    if name in known:
        schema["enum"] = known[name]
        schema.pop("example", None)


@dataclass
class Report:
    """What a run did: what it says of itself, and the statuses of every operation's answers."""

    summary: dict[str, Any]
    statuses: dict[str, Counter[int]]

    def cases(self, operation: str) -> int:
        return self.statuses[operation].total()

    def got_through(self, operation: str) -> int:
        """How many requests were not refused."""
        return sum(count for status, count in self.statuses[operation].items() if status < 400)


def run(
    folder: Path, description: Mapping[str, Any], base: str, headers: Mapping[str, Mapping[str, str]]
) -> Report:
    """Run Schemathesis in a folder; `headers` go to every operation ("") or to those of a path."""
    (folder / "description.json").write_text(json.dumps(description))
    (folder / "schemathesis.toml").write_text(_settings(headers))
    program = str(Path(sys.executable).parent / "schemathesis")
    command = [program, "run", "description.json", "--url", base, "--no-color", "--max-examples", "25"]
    command += ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"]
    command += ["--report", "json,har", "--report-json-path", "run.json", "--report-har-path", "run.har"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return Report(json.loads((folder / "run.json").read_text()), _statuses(folder / "run.har", base))


def _settings(headers: Mapping[str, Mapping[str, str]]) -> str:
    text = f"headers = {_inline(headers.get('', {}))}\n"
    for path, more in headers.items():
        if path:
            text += f"\n[[operations]]\ninclude-path = {json.dumps(path)}\nheaders = {_inline(more)}\n"
    return text


def _inline(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in values.items()) + " }"


def _statuses(har: Path, base: str) -> dict[str, Counter[int]]:
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for entry in json.loads(har.read_text())["log"]["entries"]:
        path = entry["request"]["url"].removeprefix(base).partition("?")[0]
        if path.startswith("/applications/"):
            path = "/applications/{client_id}/withdraw"
        found[f"{entry['request']['method']} {path}"][entry["response"]["status"]] += 1
    return found
