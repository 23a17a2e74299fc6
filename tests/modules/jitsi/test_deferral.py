"""A login that is recorded after its answer is complete, before it leaves."""

import logging

import pytest

from issuer.runtime import KEY, DeferredResponse
from issuer.store import StoreError
from tests.deferrals import begun
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import claims_of, instance

URL = "/jitsi/login?room=board"


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    return build_gateway(instance(), users={"dwho": ("users",)}, keys=())


def test_nothing_is_recorded_before_the_answer_is_complete_and_all_when_it_leaves(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "issuer.audit")
    deferred = DeferredResponse()
    answer = gateway.sign_in("dwho").get(URL, environ_overrides={KEY: deferred})
    token_id = claims_of(answer)["jti"]
    assert gateway.parts.store.issuances.by_token_id(token_id) is None
    assert token_id not in caplog.text
    assert begun(deferred) is None
    assert gateway.parts.store.issuances.by_token_id(token_id)
    assert token_id in caplog.text


def test_an_answer_whose_record_fails_is_told_so_and_logs_no_issuance(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_rows: object) -> None:
        raise StoreError("disk full")

    caplog.set_level(logging.INFO, "issuer.audit")
    monkeypatch.setattr(gateway.parts.store.issuances._group, "_write", full)
    deferred = DeferredResponse()
    client = gateway.sign_in("dwho")
    client.get(URL, environ_overrides={KEY: deferred})
    assert isinstance(begun(deferred), StoreError)
    assert "token_issued" not in caplog.text
    assert client.get(URL).status_code == 503
