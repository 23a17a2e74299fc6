"""What directories say when they do not let somebody in."""

import ldap
import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.backends.ldap.refusals import Refusal, policy_refusal, refusal_of

ACTIVE_DIRECTORY = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("525", Refusal.WRONG),
        ("52e", Refusal.WRONG),
        ("530", Refusal.NOT_NOW),
        ("531", Refusal.NOT_NOW),
        ("532", Refusal.EXPIRED),
        ("533", Refusal.DISABLED),
        ("701", Refusal.EXPIRED),
        ("773", Refusal.MUST_CHANGE),
        ("775", Refusal.LOCKED),
    ],
)
def test_active_directory(code: str, reason: Refusal) -> None:
    error = ldap.INVALID_CREDENTIALS({"result": 49, "info": ACTIVE_DIRECTORY.format(code)})
    assert refusal_of(error) is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ldap.INVALID_CREDENTIALS(), Refusal.WRONG),
        (ldap.INVALID_CREDENTIALS("?"), Refusal.WRONG),
        (
            ldap.CONSTRAINT_VIOLATION({"info": "Exceed password retry limit. Please try later."}),
            Refusal.LOCKED,
        ),
        (
            ldap.UNWILLING_TO_PERFORM({"info": "Account inactivated. Contact system administrator."}),
            Refusal.DISABLED,
        ),
        (ldap.INSUFFICIENT_ACCESS({}), Refusal.OTHER),
    ],
)
def test_others(error: ldap.LDAPError, reason: Refusal) -> None:
    assert refusal_of(error) is reason


@given(st.binary(max_size=40))
def test_no_policy_control_breaks_anything(value: bytes) -> None:
    found = policy_refusal(value)
    assert found is None or found in Refusal
