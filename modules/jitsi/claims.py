"""The claims of a Jitsi token (`context` and its companions), from expressions."""

import json
from collections.abc import Iterator
from typing import Any

from issuer.jitsi.xmltext import claims_text
from issuer.module import Gateway
from issuer.rules import Expression, Rule, Scope, compile_expression, compile_rule
from issuer.settings.base import Section
from modules.jitsi.rooms import Room, Tenant
from modules.jitsi.settings import JitsiSettings

VARIABLES = ("room", "tenant")
CLIENT_NAMES = {"hidden_from_recorder": "hidden-from-recorder"}
FLAGS = frozenset(
    {"moderator", "lobby_bypass", "security_bypass", "lobby", "hidden_from_recorder", "lobby_autostart"}
)
LONGEST_TEXT = 300
"""Bytes of a text claim in JSON, so that the whole token stays below the 8 KB that Prosody takes."""


class Claims:
    """Compiles the expressions of an instance once; gives the claims of each token."""

    def __init__(self, settings: JitsiSettings, gateway: Gateway) -> None:
        """Compile; raise `RuleError` for the first expression that does not."""
        self._settings = settings
        self._gateway = gateway
        self._user = dict(self._compiled("user", settings.user))
        self._room = dict(self._compiled("room", settings.room))
        self._context = {
            name: self.expression(name, text)
            for name, text in (("group", settings.group), ("tenant", settings.tenant))
            if text
        }
        self._features = (
            None
            if settings.features is None
            else {name: self.expression(f"features.{name}", text) for name, text in settings.features.items()}
        )
        self._wildcard = self.expression("wildcard_room", settings.wildcard_room or "false")

    def rule(self, option: str, text: str) -> Rule:
        """Compile a rule of this instance."""
        return compile_rule(text, option=self._path(option), variables=VARIABLES)

    def expression(self, option: str, text: str) -> Expression:
        """Compile an expression of this instance."""
        return compile_expression(text, option=self._path(option), variables=VARIABLES)

    def _path(self, option: str) -> str:
        return f"modules.{self._gateway.instance}.{option}"

    def _compiled(self, name: str, section: Section) -> Iterator[tuple[str, Expression]]:
        for option in type(section).model_fields:
            text = getattr(section, option)
            if text:
                yield option, self.expression(f"{name}.{option}", text)

    def all(self, scope: Scope, room: Room, tenant: Tenant | None) -> dict[str, Any]:
        """Return every claim but the times and the id, which are the host's."""
        settings = self._settings
        return {
            "iss": settings.issuer or self._gateway.settings.public_url,
            "aud": settings.app_id,
            "sub": tenant.name if tenant else settings.domain,
            "room": "*" if self._wildcard.flag(scope) else room.claim,
            "context": self._all_context(scope),
        }

    def _all_context(self, scope: Scope) -> dict[str, Any]:
        context: dict[str, Any] = {"user": self._all_user(scope)}
        if room := _values(self._room, scope):
            context["room"] = room
        if self._features is not None:
            context["features"] = {name: flag.flag(scope) for name, flag in self._features.items()}
        return context | _values(self._context, scope)

    def _all_user(self, scope: Scope) -> dict[str, Any]:
        user = _values(self._user, scope)
        user.setdefault("affiliation", "member")
        if "id" not in self._user:
            identifier = _text(self._gateway.main_identifier(scope.identity))
            user |= {"id": identifier} if identifier else {}
        return user


def _values(expressions: dict[str, Expression], scope: Scope) -> dict[str, Any]:
    values = {name: _value(name, expression, scope) for name, expression in expressions.items()}
    return {CLIENT_NAMES.get(name, name): value for name, value in values.items() if value is not None}


def _value(name: str, expression: Expression, scope: Scope) -> str | bool | None:
    if name in FLAGS:
        return None if expression.value(scope) is None else expression.flag(scope)
    return _text(expression.text_value(scope))


def _text(value: str | None) -> str | None:
    """Return a text that no part of Jitsi chokes on; one that is too long is left out, never cut."""
    cleaned = claims_text(value or "")
    return cleaned if cleaned and len(json.dumps(cleaned)) <= LONGEST_TEXT else None
