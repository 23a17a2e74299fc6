"""The `issuer` command. Each command lives in `issuer.commands` and is imported when it is used."""

import gc
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from issuer.settings.owner import PrivilegeError, as_owner_of, become_owner_of, places
from issuer.world import Clock, Randomness, SystemClock, SystemRandomness

if TYPE_CHECKING:
    from flask import Flask

    from issuer.app import Parts
    from issuer.identity import Identity
    from issuer.wiring.configuration import Configuration

GARBAGE = 50_000
"""New objects before the collector of garbage looks through them; workers of the server have their own."""
GROUP = "issuer.commands"
"""Entry points of commands that need no configuration."""

COMMANDS = {
    "check": "issuer.commands.check:check",
    "doctor": "issuer.commands.doctor:doctor",
    "init": "issuer.commands.init:init",
    "issuances": "issuer.commands.issuances:issuances",
    "keys": "issuer.commands.keys:keys",
    "rule": "issuer.commands.rule:rule",
    "second-factor": "issuer.commands.second_factor:second_factor",
    "serve": "issuer.commands.serve:serve",
    "sessions": "issuer.commands.sessions:sessions",
    "token": "issuer.commands.token:token",
    "user": "issuer.commands.user:user",
}


LONGEST_WAIT = 60.0
"""Seconds for which a command waits for the database: it may end thousands of things at once."""


class Shell:
    """What commands share (`click.Context.obj`): the configuration and the application, made when needed."""

    def __init__(self, file: str | None, environ: Mapping[str, str] = os.environ) -> None:
        """Keep the name of the configuration file, if one was given, and the environment."""
        self.file = file
        self.environ = environ
        self.clock: Clock = SystemClock()
        self.randomness: Randomness = SystemRandomness()

    @cached_property
    def configuration(self) -> "Configuration":
        """Return the validated configuration; a bad one ends the command with every problem."""
        from issuer.settings.problems import ConfigError  # noqa: PLC0415
        from issuer.wiring import environments  # noqa: PLC0415 - `issuer --help` needs none of it
        from issuer.wiring.configuration import find_file  # noqa: PLC0415

        file = find_file(self.file, self.environ)
        try:
            self.give_up_root([file] if file else ())
            self.give_up_root(places(file, self.environ))
            return environments.load(file, self.environ)
        except ConfigError as error:
            raise ConfigurationFault(error) from None

    @staticmethod
    def give_up_root(paths: Iterable[Path]) -> None:
        """Go on as the user who owns one of these, if that is not root, who follows no link of theirs."""
        try:
            user = become_owner_of(paths)
        except PrivilegeError as error:
            raise click.ClickException(str(error)) from None
        if user is not None:
            click.echo(f"going on as the user {user}, who owns this", err=True)

    @cached_property
    def app(self) -> "Flask":
        """Return the application on a migrated store."""
        from issuer.app import World, create_app, parts  # noqa: PLC0415
        from issuer.settings.problems import ConfigError  # noqa: PLC0415
        from issuer.store import StoreError  # noqa: PLC0415

        try:
            if self.configuration.settings.store.url is None:
                self._make_data_dir()
            app = create_app(
                self.configuration, World(self.clock, self.randomness, longest_wait=LONGEST_WAIT)
            )
            parts(app).store.migrate()
        except ConfigError as error:
            raise ConfigurationFault(error) from None
        except StoreError as error:
            raise click.ClickException(str(error)) from None
        return app

    def _make_data_dir(self) -> None:
        directory = self.configuration.settings.data_dir
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"data_dir {directory} cannot be made: {error.strerror}") from None

    @property
    def parts(self) -> "Parts":
        """Return what the application is made of."""
        from issuer.app import parts  # noqa: PLC0415

        return parts(self.app)

    def key_directory(self) -> Path:
        """Return the folder of the key ring."""
        return self.configuration.settings.keys.directory

    def key_retention(self) -> float:
        """Return how long a retired key stays published, in seconds."""
        from issuer.wiring.services import key_retention  # noqa: PLC0415

        return key_retention(self.configuration.settings)

    def find_user(self, uid: str) -> "Identity | None":
        """Return a local user as rules see them."""
        from issuer.backends.local import identity_of  # noqa: PLC0415

        user = self.parts.store.users.by_uid(uid)
        if user is None:
            return None
        identity = identity_of(user, self.local_instances()[0])
        enabled = identity.backend in self.parts.backends
        return self.parts.resolver.mapped(identity) if enabled else identity

    def local_instances(self) -> tuple[str, ...]:
        """Return the names of the login backends that sign in the users of the store."""
        from issuer.backends.local import LocalBackend  # noqa: PLC0415

        found = (item.name for item in self.configuration.backends if issubclass(item.plugin, LocalBackend))
        return tuple(found) or ("local",)

    def find_option(self, path: str) -> str | None:
        """Return the text of an option of the configuration, as in "modules.jitsi.rule"."""
        from issuer.wiring.configuration import option_text  # noqa: PLC0415

        return option_text(self.configuration, path)


class GivenFile(click.File):
    """A file that somebody names for a command to read; root reads it as whoever decides what is there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open it."""
        if not isinstance(value, str) or value == "-":
            return super().convert(value, param, ctx)
        try:
            with as_owner_of(Path(value)):
                return super().convert(value, param, ctx)
        except PrivilegeError as error:
            self.fail(str(error), param, ctx)


class ConfigurationFault(click.ClickException):
    """A configuration that cannot be used; shows every problem, one a line."""

    def __init__(self, error: Any) -> None:
        head, problems = "the configuration cannot be used:", [str(problem) for problem in error.problems]
        one_line = len(problems) == 1 and "\n" not in problems[0]
        super().__init__(f"{head} {problems[0]}" if one_line else "\n  ".join([head, *problems]))


class Commands(click.Group):
    """Our commands, and those of the modules that the configuration enables."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command; the collector of garbage looks seldom, or the start takes a tenth longer."""
        gc.set_threshold(GARBAGE)
        return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the database says is one line, not a traceback."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from issuer.store import StoreError  # noqa: PLC0415

            if isinstance(error, StoreError):
                raise click.ClickException(str(error)) from None
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """Return the names of our own commands."""
        return sorted({*COMMANDS, *entry_points(group=GROUP).names})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command of ours, or look for it in the enabled modules."""
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        declared: click.Command | None = next((e.load() for e in entry_points(group=GROUP, name=name)), None)
        return declared or self._of_modules(ctx, name)

    def _of_modules(self, ctx: click.Context, name: str) -> click.Command | None:
        shell = ctx.obj or Shell(ctx.params.get("config"))
        try:
            modules = shell.parts.modules.values()
        except ConfigurationFault as fault:
            text = (
                f'"{name}" is no command of ours, and whether a module has it cannot be told: {fault.message}'
            )
            raise click.ClickException(text) from None
        commands = (c for module in modules for c in module.commands())
        found = next((command for command in commands if command.name == name), None)
        if found:
            ctx.obj = shell
            ctx.with_resource(shell.app.app_context())
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="issuer")
@click.option("--config", metavar="FILE", help="Configuration (default: $ISSUER_CONFIG, then ./issuer.toml).")
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Token issuer gateway for Jitsi Meet, LiveKit and Matrix."""
    ctx.obj = ctx.obj or Shell(config)
