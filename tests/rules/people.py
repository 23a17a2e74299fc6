"""A person and a request for rules to judge."""

from collections.abc import Mapping
from datetime import datetime

from issuer.identity import Attribute, Identity
from issuer.rules import Decision, Scope, compile_rule

ATTRIBUTES: dict[str, Attribute] = {
    "cn": "The Doctor",
    "mail": ["Dwho@Badwolf.example.org", "doctor@example.com"],
    "memberOf": ["staff", "pilots"],
    "empty": [],
    "blank": "",
    "any-name": "x",
}
REQUEST = {"room": "board-1", "tenant": "tardis", "ip": "10.1.2.3", "module": "jitsi"}
FRIDAY = "2027-01-15T08:00:00+00:00"


def scope(
    attributes: Mapping[str, Attribute] | None = None,
    request: Mapping[str, object] | None = None,
    groups: tuple[str, ...] = ("users", "timelords"),
    now: str = FRIDAY,
) -> Scope:
    found = ATTRIBUTES if attributes is None else attributes
    identity = Identity("local", "1", "dwho", found, groups, 1)
    return Scope(identity, REQUEST if request is None else request, datetime.fromisoformat(now).timestamp())


def silent(_warning: str) -> None:
    """Take a warning that the test is not about."""


def judge(text: str, where: Scope | None = None) -> Decision:
    rule = compile_rule(text, option="test.rule", variables=["room", "tenant"], warn=silent)
    return rule.judge(where or scope())
