"""The claims of a Jitsi token (`context` and its companions), from expressions."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from issuer.jitsi.xmltext import claims_text
from issuer.module import Gateway
from issuer.rules import Compiler, Decision, Expression, Rule, Scope
from issuer.settings.base import Section
from modules.jitsi.rooms import Room, Tenant
from modules.jitsi.settings import JAAS_FEATURES, JitsiSettings

Claim = Callable[[Scope], str | bool | None]
"""Gives the value of a claim to somebody; None leaves it out."""
CLIENT_NAMES = {"hidden_from_recorder": "hidden-from-recorder"}
FLAGS = frozenset(
    {"moderator", "lobby_bypass", "security_bypass", "lobby", "hidden_from_recorder", "lobby_autostart"}
)
OWNERS = frozenset({"owner", "moderator", "teacher"})
LEFT_OUT_BY_NO = frozenset({"lobby"})
"""Of `context.room`: what a "no" leaves out. `lobby: false` switches the lobby off for everybody."""
NEVER = "false"
"""The option, letter by letter, that writes it all the same."""
LONGEST_TEXT = 300
"""Bytes of a text claim in JSON, so that the whole token stays below the 8 KB that Prosody takes."""


@dataclass(frozen=True, slots=True)
class Guarded(Rule):
    """A rule, and an expression that must say yes too."""

    guard: Expression

    def judge(self, scope: Scope) -> Decision:
        """Answer."""
        if not self.guard.flag(scope):
            return Decision(False, "wildcard_room does not say yes")
        return Rule.judge(self, scope)


class Claims:
    """Gives the claims of each token, from expressions that are compiled once."""

    def __init__(
        self, settings: JitsiSettings, gateway: Gateway, compiler: Compiler, user: str = "user"
    ) -> None:
        """Compile the expressions; those of `context.user` stand in the section `user`."""
        self._compiler = compiler
        self._settings = settings
        self._gateway = gateway
        self._user = self._compiled(user, settings.user)
        self._room = self._compiled("room", settings.room)
        self._context = {
            name: text_claim(compiler.expression(name, text))
            for name, text in (("group", settings.group), ("tenant", settings.tenant))
            if text
        }
        self._features = (
            None
            if settings.features is None
            else {
                name: compiler.expression(f"features.{name}", text)
                for name, text in settings.features.items()
            }
        )
        self._wildcard = compiler.expression("wildcard_room", settings.wildcard_room or "false")

    def _compiled(self, name: str, section: Section) -> dict[str, Claim]:
        claims = {}
        for option in type(section).model_fields:
            if text := getattr(section, option):
                expression = self._compiler.expression(f"{name}.{option}", text)
                kind = flag_claim if option in FLAGS else text_claim
                if name == "room" and option in LEFT_OUT_BY_NO and text.strip() != NEVER:
                    kind = yes_claim
                claims[CLIENT_NAMES.get(option, option)] = kind(expression)
        return claims

    def guarded(self, rule: Rule) -> Rule:
        """Return a rule that says yes only where `wildcard_room` does too."""
        return Guarded(rule.text, rule.program, self._wildcard)

    def all(self, scope: Scope, room: Room, tenant: Tenant | None) -> dict[str, Any]:
        """Return every claim but the times and the id, which are the host's."""
        settings = self._settings
        context = self._all_context(scope)
        if settings.preset:
            tenant = None  # the AppID is the only one
            _as_8x8_takes_it(context, is_told="moderator" in self._user)
        return {
            "iss": settings.issuer or self._gateway.settings.public_url,
            "aud": settings.audience or settings.app_id,
            "sub": tenant.name if tenant else settings.domain,
            "room": "*" if self._wildcard.flag(scope) else room.claim,
            "context": context,
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


def _as_8x8_takes_it(context: dict[str, Any], *, is_told: bool) -> None:
    """Say who is a moderator as a text, and of every feature whether it is allowed (8x8, "JaaS JWT").

    Where an expression tells who is one (`is_told`), nobody else is; without, the affiliation counts.
    """
    user = context["user"]
    moderates = user.get("moderator", False) if is_told else user["affiliation"] in OWNERS
    user["moderator"] = "true" if moderates else "false"
    context["features"] = dict.fromkeys(JAAS_FEATURES, False) | context.get("features", {})


def flag_claim(expression: Expression) -> Claim:
    """Return what gives a boolean claim, or None when the expression has no value."""
    return lambda scope: None if expression.value(scope) is None else expression.flag(scope)


def yes_claim(expression: Expression) -> Claim:
    """Return what gives `true`, or None."""
    return lambda scope: expression.flag(scope) or None


def text_claim(expression: Expression) -> Claim:
    """Return what gives a claim that is a text, or None when there is none."""
    return lambda scope: _text(expression.text_value(scope))


def _values(claims: dict[str, Claim], scope: Scope) -> dict[str, Any]:
    return {name: value for name, claim in claims.items() if (value := claim(scope)) is not None}


def _text(value: str | None) -> str | None:
    """Return a text that no part of Jitsi chokes on; one that is too long is left out, never cut."""
    if value and len(value) < LONGEST_TEXT // 2 and value.isascii() and value.isprintable():
        return value
    cleaned = claims_text(value or "")
    return cleaned if cleaned and len(json.dumps(cleaned)) <= LONGEST_TEXT else None
