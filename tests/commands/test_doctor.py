"""`issuer doctor`, with a real directory."""

from pathlib import Path

from tests.commands.shell import CONFIGURATION, Commands
from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD
from tests.openldap.server import OpenLDAP
from tests.service import free_port


def configure(commands: Commands, url: str, ca_file: Path, password: str = SERVICE_PASSWORD) -> None:
    text = f"""
[backends.local]
[backends.ldap]
servers = ["{url}"]
ca_file = "{ca_file}"
bind_dn = "{SERVICE}"
bind_password = "{password}"
user_base = "{PEOPLE}"
"""
    commands.file.write_text(CONFIGURATION + text)
    commands.shell = commands.new_shell()


def migrate(commands: Commands) -> None:
    commands.good("user", "list")


def test_all_is_well(commands: Commands, openldap: OpenLDAP) -> None:
    configure(commands, openldap.url, openldap.ca_file)
    migrate(commands)
    lines = commands.good("doctor").splitlines()
    assert lines == [
        "ok   store",
        "ok   modules.jitsi: signing key",
        f"ok   backends.ldap: {openldap.url}",
        "all is well",
    ]


def test_what_is_wrong_has_a_cause_a_remedy_and_a_status(commands: Commands, openldap: OpenLDAP) -> None:
    """Per check; and no secret is in it."""
    configure(commands, openldap.url, openldap.ca_file, "wrong password")
    output = commands.bad("doctor")
    assert "BAD  store: " in output
    assert f"BAD  backends.ldap: {openldap.url}: refuses bind_dn with bind_password: check both" in output
    assert "ok   modules.jitsi: signing key" in output
    assert "2 checks failed" in output
    assert "wrong password" not in output


def test_a_server_that_is_not_there(commands: Commands, openldap: OpenLDAP) -> None:
    configure(commands, f"ldap://127.0.0.1:{free_port()}", openldap.ca_file)
    migrate(commands)
    assert "cannot be reached" in commands.bad("doctor")


def test_it_changes_nothing(commands: Commands, tmp_path: Path) -> None:
    commands.bad("doctor")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["issuer.toml", "keys"]


def test_a_configuration_with_faults_is_told_first(commands: Commands) -> None:
    commands.file.write_text(CONFIGURATION + "colour = 1\n")
    commands.shell = commands.new_shell()
    assert "modules.jitsi.colour: unknown option" in commands.bad("doctor")


def test_dangerous_options_of_backends_are_told(commands: Commands, openldap: OpenLDAP) -> None:
    configure(commands, openldap.url, openldap.ca_file)
    plain = "start_tls = false\nsend_passwords_in_plain_text = true\n"
    commands.file.write_text(commands.file.read_text() + plain)
    commands.shell = commands.new_shell()
    assert "warn backends.ldap: passwords go to the directory unencrypted" in commands.good("check")
