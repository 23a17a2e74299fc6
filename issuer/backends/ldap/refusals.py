"""Why a directory does not let somebody in whose password may be right."""

import re
from enum import Enum

import ldap
from ldap.controls.ppolicy import PasswordPolicyControl
from pyasn1.error import PyAsn1Error


class BindRefusal(Enum):
    """The reason, as the log has it; people read the same in every case."""

    WRONG = "wrong password"
    LOCKED = "locked"
    EXPIRED = "password expired"
    MUST_CHANGE = "password must be changed"
    DISABLED = "disabled"
    NOT_NOW = "outside the hours, or not from here"
    OTHER = "refused by the directory"


REFUSING = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.NO_SUCH_OBJECT,
    ldap.INVALID_DN_SYNTAX,
    ldap.CONSTRAINT_VIOLATION,
    ldap.UNWILLING_TO_PERFORM,
    ldap.INSUFFICIENT_ACCESS,
)
"""Answers to a bind that say something about the person; all others say something about the server."""

POLICY = {0: BindRefusal.EXPIRED, 1: BindRefusal.LOCKED, 2: BindRefusal.MUST_CHANGE}
"""Errors of the password policy control (draft-behera-ldap-password-policy-10 §6.2)."""

NOTHING = b"0\x00"
"""A control without warning and error: an empty sequence."""

ACTIVE_DIRECTORY = {
    "530": BindRefusal.NOT_NOW,
    "531": BindRefusal.NOT_NOW,
    "532": BindRefusal.EXPIRED,
    "533": BindRefusal.DISABLED,
    "701": BindRefusal.EXPIRED,
    "773": BindRefusal.MUST_CHANGE,
    "775": BindRefusal.LOCKED,
}
"""What Active Directory writes into its diagnostic message, as in "AcceptSecurityContext error, data 775"."""

DATA = re.compile(r"\bdata ([0-9a-f]{3})\b")


def refusal_of(error: ldap.LDAPError) -> BindRefusal:
    """Return why a bind was refused."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    controls = {oid: value for oid, _, value in details.get("ctrls") or ()}
    if reason := policy_refusal(controls.get(PasswordPolicyControl.controlType)):
        return reason
    if code := DATA.search(str(details.get("info", ""))):
        return ACTIVE_DIRECTORY.get(code[1], BindRefusal.WRONG)
    if isinstance(error, ldap.CONSTRAINT_VIOLATION):  # 389 Directory Server: too many attempts
        return BindRefusal.LOCKED
    if isinstance(error, ldap.UNWILLING_TO_PERFORM):  # 389 Directory Server: account inactivated
        return BindRefusal.DISABLED
    return BindRefusal.OTHER if isinstance(error, ldap.INSUFFICIENT_ACCESS) else BindRefusal.WRONG


def policy_refusal(value: bytes | None) -> BindRefusal | None:
    """Return what a password policy control says; None when there is none, or it says nothing like that."""
    if not value or value == NOTHING:
        return None
    control = PasswordPolicyControl()
    try:
        control.decodeControlValue(value)
    except (PyAsn1Error, ValueError):
        return None
    return POLICY.get(control.error) if control.error is not None else None
