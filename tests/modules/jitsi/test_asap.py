import subprocess

import pytest

from modules.jitsi.asap import pem_name


@pytest.mark.server
def test_name_of_a_key_is_what_sha256sum_says() -> None:
    digest = subprocess.run(
        ["sha256sum"], input=b"k\xc3\xbc/1", capture_output=True, check=True
    ).stdout.split()[0]
    assert pem_name("kü/1") == f"{digest.decode()}.pem"
