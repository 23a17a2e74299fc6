"""What 8x8's Jitsi as a Service says to a token, beside what any Jitsi says.

As 8x8 documents it ("JaaS JWT"), and as Jitsi's client checks it (base/jwt/functions.ts, `validateJwt`).
"""

import re

from issuer.jitsi.verdict_parts import Finding, Json, TokenParts, fault, fine, seen, split_token

APP_ID = re.compile(r"vpaas-magic-cookie-[0-9a-f]+")


def judge_jaas(token: str, findings: list[Finding]) -> list[Finding]:
    """Return the findings of a Jitsi server, with those of 8x8 about what it asks for besides."""
    parts = split_token(token)
    if isinstance(parts, Finding):
        return findings
    return [*findings, *_judge_names(parts), *_judge_context(parts.claims.get("context"))]


def _judge_names(parts: TokenParts) -> list[Finding]:
    sub, kid, alg = parts.claims.get("sub"), parts.header.get("kid"), parts.header.get("alg")
    found = [_expect("JaaS alg", alg, "RS256")]
    found += [
        _expect(f"JaaS {name}", parts.claims.get(name), text)
        for name, text in (("iss", "chat"), ("aud", "jitsi"))
    ]
    if not isinstance(sub, str) or not APP_ID.fullmatch(sub):
        return [*found, fault("JaaS sub", f"it is {seen(sub)}; it must be the AppID, vpaas-magic-cookie-…")]
    if not isinstance(kid, str) or not kid.startswith(f"{sub}/"):
        return [
            *found,
            fault("JaaS kid", f"it is {seen(kid)}; it must be <AppID>/<key id>, from 8x8's console"),
        ]
    return [*found, fine("JaaS sub", seen(sub)), fine("JaaS kid", seen(kid))]


def _expect(what: str, value: Json, wanted: str) -> Finding:
    if value != wanted:
        return fault(what, f"it is {seen(value)}; it must be {wanted}")
    return fine(what, wanted)


def _judge_context(context: Json) -> list[Finding]:
    if not isinstance(context, dict):
        return [fault("JaaS context", f"it is {seen(context)}; it must be an object")]
    user = context.get("user")
    moderator = user.get("moderator") if isinstance(user, dict) else None
    found = [
        fine("JaaS moderator", seen(moderator))
        if moderator in ("true", "false")
        else fault(
            "JaaS moderator",
            f'context.user.moderator is {seen(moderator)}; it must be the text "true" or "false"',
        )
    ]
    if not isinstance(context.get("features"), dict):
        found.append(fault("JaaS features", "context.features is missing; it must be an object"))
    return found
