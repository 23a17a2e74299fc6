"""`issuer second-factor`."""

from issuer.store import SecondFactor
from tests.commands.shell import Commands


def _add(commands: Commands, uid: str, backend: str = "local") -> None:
    factor = SecondFactor(backend, f"id-of-{uid}", uid, b"sealed", 1, commands.clock.now())
    commands.shell.parts.store.second_factors.add(factor, [b"1", b"2"])


def test_factors_are_listed_and_removed(commands: Commands) -> None:
    assert commands.good("second-factor", "list") == ""
    _add(commands, "rtyler")
    _add(commands, "dwho")
    assert commands.good("second-factor", "list").splitlines() == [
        f"{'dwho':20} {'local':10} 2027-01-15 08:00:00  2",
        f"{'rtyler':20} {'local':10} 2027-01-15 08:00:00  2",
    ]
    assert commands.good("second-factor", "remove", "dwho") == "second factor of dwho removed\n"
    assert "issuer second-factor list" in commands.bad("second-factor", "remove", "dwho")
    assert "rtyler" in commands.good("second-factor", "list")


def test_people_of_the_same_name_are_told_apart(commands: Commands) -> None:
    _add(commands, "dwho")
    _add(commands, "dwho", "ldap")
    assert "choose one with --backend (ldap, local)" in commands.bad("second-factor", "remove", "dwho")
    commands.good("second-factor", "remove", "dwho", "--backend", "ldap")
    assert "ldap" not in commands.good("second-factor", "list")
    assert "nobody named" in commands.bad("second-factor", "remove", "dwho", "--backend", "ldap")
