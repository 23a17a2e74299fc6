"""`issuer rule`: try a rule or an expression, or run a table of cases."""

from dataclasses import replace
from datetime import datetime
from typing import Any, TextIO

import click

from issuer.cli import GivenFile, Shell
from issuer.identity import Identity
from issuer.rules import RuleError, Scope
from issuer.rules.cases import CasesError, Sources, address_of, run_cases
from issuer.rules.explain import explain
from issuer.rules.vocabulary import ADDRESS


def sources(context: click.Context) -> Sources:
    """Return where people, the texts of options and the time come from."""
    found = context.find_object(Sources)
    if found is not None:
        return found
    shell = context.find_object(Shell) or Shell(None)
    return Sources(shell.find_user, shell.find_option, shell.clock)


@click.command()
@click.argument("text", metavar="EXPR", required=False)
@click.option("--user", help="Whose attributes and groups; without it, somebody who has none.")
@click.option("--unknown", metavar="NAME", multiple=True, help='What could not be told, as in "groups".')
@click.option("--room", help="The room asked for.")
@click.option("--tenant", help="The tenant asked for.")
@click.option("--ip", help="The address that the request comes from; without it, it is unknown.")
@click.option("--module", help="The instance asked.")
@click.option("--set", "others", metavar="NAME=VALUE", multiple=True, help="Another request variable.")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Another time than now.")
@click.option(
    "--test",
    "cases",
    type=GivenFile(encoding="utf-8"),
    help="Run a table of cases.",
)
@click.pass_context
def rule(context: click.Context, /, text: str | None, cases: TextIO | None, **given: Any) -> None:
    """Evaluate EXPR and explain the answer, or run a table of cases.

    With --test the exit status is 1 when a case fails.
    """
    if (text is None) == (cases is None):
        raise click.UsageError("Give either an expression or --test FILE.")
    try:
        if cases is not None:
            _run_table(cases.read(), sources(context))
        elif text is not None:
            click.echo("\n".join(explain(text, _scope(given, sources(context))).lines()))
    except (RuleError, CasesError, UnicodeDecodeError) as failure:
        raise click.ClickException(str(failure)) from failure


def _run_table(text: str, found: Sources) -> None:
    results = run_cases(text, found)
    for result in results:
        click.echo(f"{'pass' if result.passed else 'FAIL'}  {result.name}: {result.detail}")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results)} cases, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)


def _scope(given: dict[str, Any], found: Sources) -> Scope:
    identity = _identity(given["user"], found)
    unknown = {*identity.unknown, *given["unknown"]} - {ADDRESS}
    identity = replace(identity, unknown=tuple(unknown))
    request: dict[str, object] = {
        name: given[name] for name in ("room", "tenant", "module") if given[name] is not None
    }
    request[ADDRESS] = None if ADDRESS in given["unknown"] else address_of(given["ip"])
    for pair in given["others"]:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter("write --set NAME=VALUE", param_hint="--set")
        request[name] = value
    now: datetime | None = given["now"]
    return Scope(identity, request, now.timestamp() if now else found.clock.now())


def _identity(uid: str | None, found: Sources) -> Identity:
    if uid is None:
        return Identity("none", "", "")
    identity = found.find_user(uid)
    if identity is None:
        raise click.BadParameter(f"there is no user {uid}", param_hint="--user")
    return identity
