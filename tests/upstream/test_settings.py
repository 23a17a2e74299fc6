"""The section `[upstream]`."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from issuer.upstream import UpstreamSettings


@pytest.mark.parametrize("text", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_certificates_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValidationError, match="no certificates that can be read"):
        UpstreamSettings(ca_file=path)


def test_the_order_of_times() -> None:
    with pytest.raises(ValidationError, match="connect_timeout is longer"):
        UpstreamSettings(connect_timeout=11)
