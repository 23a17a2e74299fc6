"""Puts the routes of issuer modules into the application; two that want the same one stop the start."""

from collections.abc import Iterable

from issuer.module import Module
from issuer.settings.problems import ConfigError, Problem
from issuer.web.application import Application

ROOT_ROUTES = (("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/.well-known/jwks.json"))
RESERVED = (
    "/login",
    "/logout",
    "/second-factor",
    "/sessions",
    "/static",
    "/healthz",
    "/readyz",
    "/.well-known",
)


def mount(app: Application, modules: dict[str, Module]) -> None:
    """Mount every instance at its path; raise `ConfigError` with every path that is taken."""
    problems = [*_bad_paths(modules), *_bad_root_routes(modules)]
    if problems:
        raise ConfigError(problems)
    for name, module in modules.items():
        app.register_blueprint(module.blueprint(), url_prefix=module.settings.path, name=name)
        app.large_bodies |= module.large_bodies()
        for method, rule, view in module.root_routes():
            app.add_url_rule(rule, f"{name}:{rule}", view, methods=[method], provide_automatic_options=False)


def _bad_paths(modules: dict[str, Module]) -> Iterable[Problem]:
    for name, module in modules.items():
        path = module.settings.path
        if any(path == taken or path.startswith(taken + "/") for taken in RESERVED):
            yield Problem(f"modules.{name}.path", f'"{path}" is the portal\'s: choose another')


def _bad_root_routes(modules: dict[str, Module]) -> Iterable[Problem]:
    owners = dict.fromkeys(ROOT_ROUTES, "the portal")
    for name, module in modules.items():
        for method, rule, _ in module.root_routes():
            owner = owners.setdefault((method, rule), f"modules.{name}")
            if owner != f"modules.{name}":
                yield Problem(f"modules.{name}", f"wants {method} {rule} at the root, and so does {owner}")
