"""What directories say when they do not let somebody in."""

import ldap
import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.backends.ldap.refusals import BindRefusal, policy_refusal, refusal_of

ACTIVE_DIRECTORY = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("525", BindRefusal.WRONG),
        ("52e", BindRefusal.WRONG),
        ("530", BindRefusal.NOT_NOW),
        ("531", BindRefusal.NOT_NOW),
        ("532", BindRefusal.EXPIRED),
        ("533", BindRefusal.DISABLED),
        ("701", BindRefusal.EXPIRED),
        ("773", BindRefusal.MUST_CHANGE),
        ("775", BindRefusal.LOCKED),
    ],
)
def test_active_directory(code: str, reason: BindRefusal) -> None:
    error = ldap.INVALID_CREDENTIALS({"result": 49, "info": ACTIVE_DIRECTORY.format(code)})
    assert refusal_of(error) is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ldap.INVALID_CREDENTIALS(), BindRefusal.WRONG),
        (ldap.INVALID_CREDENTIALS("?"), BindRefusal.WRONG),
        (
            ldap.CONSTRAINT_VIOLATION({"info": "Exceed password retry limit. Please try later."}),
            BindRefusal.LOCKED,
        ),
        (
            ldap.UNWILLING_TO_PERFORM({"info": "Account inactivated. Contact system administrator."}),
            BindRefusal.DISABLED,
        ),
        (ldap.INSUFFICIENT_ACCESS({}), BindRefusal.OTHER),
    ],
)
def test_others(error: ldap.LDAPError, reason: BindRefusal) -> None:
    assert refusal_of(error) is reason


@given(st.binary(max_size=40))
def test_no_policy_control_breaks_anything(value: bytes) -> None:
    found = policy_refusal(value)
    assert found is None or found in BindRefusal
