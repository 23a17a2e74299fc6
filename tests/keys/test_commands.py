"""`issuer keys` from the shell."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from issuer.commands.keys import keys
from issuer.keys import KeyRing, PrivateKey, material
from tests.fakes import FakeClock
from tests.keys.conftest import RETENTION


@dataclass
class Shell:
    directory: Path
    clock: FakeClock

    def key_directory(self) -> Path:
        return self.directory

    def key_retention(self) -> float:
        return RETENTION

    def run(self, *words: str, data: bytes | None = None) -> Result:
        return CliRunner().invoke(keys, words, obj=self, input=data)

    def ok(self, *words: str, data: bytes | None = None) -> str:
        result = self.run(*words, data=data)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def refused(self, *words: str, data: bytes | None = None) -> str:
        result = self.run(*words, data=data)
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    def ring(self) -> KeyRing:
        return KeyRing(self.directory, self.clock, retention=RETENTION)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "keys", FakeClock())


def test_generate_rotate_and_list(shell: Shell) -> None:
    assert "Make one: issuer keys generate" in shell.ok("list")
    assert shell.ok("generate", "--use", "jitsi").count("(RSA) signs from now on") == 1
    first = shell.ring().signing_key("jitsi", "RS256").kid
    said = shell.ok("rotate")
    second = shell.ring().signing_key("jitsi", "RS256").kid
    assert f"{second} (rsa-2048) signs from now on" in said
    assert f"{first} is retired" in said
    heading, *rows = shell.ok("list").splitlines()
    assert heading.split() == ["KID", "USE", "TYPE", "STATE", "SINCE", "PUBLISHED"]
    assert [row.split()[3] for row in rows] == ["active", "next", "retired"]
    assert rows[2].endswith("retired  2027-01-15 08:00:00 UTC  until 2027-01-15 08:06:40 UTC")
    shell.clock.advance(RETENTION)
    assert shell.ok("list").splitlines()[3].endswith("no")


def test_import_from_a_file_and_from_standard_input(
    shell: Shell, tmp_path: Path, rsa_key: PrivateKey
) -> None:
    (tmp_path / "key.pem").write_text(material.private_pem(rsa_key))
    said = shell.ok("import", str(tmp_path / "key.pem"), "--use", "jitsi", "--kid", "old-key")
    assert "jitsi: old-key (RSA) signs from now on." in said
    jwk = json.dumps(material.private_jwk(material.generate_private("p-256"), "from-jwk")).encode()
    assert "oidc: from-jwk (EC) signs" in shell.ok("import", "-", "--use", "oidc", data=jwk)


def test_rotate_without_a_next_key_says_to_run_it_again(shell: Shell) -> None:
    shell.ok("generate", "--use", "jitsi", "--type", "ed25519")
    following = next(key for key in shell.ring().public_keys() if key.state == "next")
    assert shell.ok("retire", following.kid) == f"{following.kid} is retired.\n"
    assert "Run `issuer keys rotate --use jitsi` again" in shell.ok("rotate", "--use", "jitsi")


def test_export_gives_the_public_part_and_warns_of_the_private_one(shell: Shell) -> None:
    shell.ok("generate", "--use", "oidc", "--type", "p-256")
    key = shell.ring().signing_key("oidc", "ES256")
    assert shell.ok("export", key.kid).encode() == key.public.pem
    assert json.loads(shell.ok("export", key.kid, "--format", "jwk")) == key.public.jwk
    for form, secret in (("pem", "BEGIN PRIVATE KEY"), ("jwk", '"d": ')):
        result = shell.run("export", key.kid, "--private", "--format", form)
        assert result.exit_code == 0
        assert secret in result.stdout
        assert "Warning: this is the private key" in result.stderr
        assert "Warning" not in result.stdout
        private = shell.directory.with_name("other")
        Shell(private / form, shell.clock).ok("import", "-", "--use", "oidc", data=result.stdout.encode())


def test_a_kid_may_begin_with_a_hyphen(shell: Shell) -> None:
    data = material.private_pem(material.generate_private("ed25519")).encode()
    shell.ok("import", "-", "--use", "jitsi", "--kid", "-pu", data=data)
    assert shell.ok("export", "-pu").startswith("-----BEGIN PUBLIC KEY-----")
    assert "active key" in shell.refused("retire", "-pu")
    assert shell.ok("retire", "-pu", "--even-if-last", "--compromised") == "-pu is deleted.\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["rotate"], "issuer keys generate"),
        (["rotate", "--use", "oidc"], "of the use 'oidc'"),
        (["generate", "--use", "jitsi", "--type", "rsa-1024"], "use one of rsa-2048"),
        (["generate", "--use", "No Such"], "cannot be a key's name or use"),
        (["retire", "nobody"], "issuer keys list"),
        (["export", "nobody"], "issuer keys list"),
    ],
)
def test_errors_say_what_to_do(shell: Shell, words: list[str], text: str) -> None:
    assert text in shell.refused(*words)


def test_a_bad_key_is_refused_without_a_trace(shell: Shell) -> None:
    assert "not a private key" in shell.refused("import", "-", "--use", "jitsi", data=b"junk")
    assert not shell.directory.exists()


def test_a_directory_that_cannot_be_written_to_is_explained(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: str, flags: int, mode: int = 0, dir_fd: int | None = None) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("issuer.keys.files.os.open", denied)
    said = shell.refused("generate", "--use", "jitsi", "--type", "ed25519")
    assert "Permission denied. Run this as the user that owns the key directory" in said
