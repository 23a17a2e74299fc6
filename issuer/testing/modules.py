"""The contract of issuer modules, as a test class."""

# ruff: noqa: S101 - a contract is made of assertions

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from markupsafe import escape

from issuer.module import Module, ModuleSettings
from issuer.settings.describe import sections
from issuer.settings.problems import ConfigError
from issuer.settings.types import origin
from issuer.store import Issuances, StoreError
from issuer.testing.gateway import LocalGateway, open_gateway
from issuer.testing.routes import HEADERS, PERSON, Ask, below, routes_of, strange_requests, tokens_in
from issuer.testing.samples import sample
from issuer.testing.tables import differences, newest
from issuer.wiring.plugins import MODULES, load

REFUSALS = ("deny", "2", 'attributes["nobody"][0] == "x"', "1 / 0 == 1")
"""Rules that say no: in words, by a value that is not yes, and by failing."""
INSTANCE = "tested"
PATH = "/tested"

Make = Callable[..., LocalGateway]


class ModuleContract:
    """What holds for every issuer module: subclass it as `Test…`, set `type`, and name the `asks`.

    The module is tested with the sample configuration of its docstring; override the fixture `configuration`
    where that does not do in a test.
    """

    type: ClassVar[str]
    """The name of the module among the entry points."""

    @pytest.fixture
    def configuration(self, tmp_path: Path) -> dict[str, Any]:
        """Return a configuration with one instance of the module."""
        return sample(self.type, tmp_path)

    @pytest.fixture
    def asks(self) -> Sequence[Ask]:
        """Return a request of each kind that gives a token; `()` if the module gives none."""
        raise NotImplementedError("name the requests that give a token in the fixture `asks`")

    @pytest.fixture
    def make(self, configuration: dict[str, Any], tmp_path: Path) -> Iterator[Make]:
        """Return what builds a gateway with one instance; arguments change its options.

        The instance is called "tested", lives at "/tested" and lets everybody in. A positional argument
        makes a further instance, "more", with other options.
        """
        built: list[LocalGateway] = []

        def make(more: dict[str, Any] | None = None, **changes: Any) -> LocalGateway:
            options = {"type": self.type, "path": PATH, "rule": "accept", **changes}
            section = {**_section(configuration, self.type), **options}
            others = {} if more is None else {"more": {**section, **more}}
            data = {**configuration, "modules": {INSTANCE: section, **others}}
            built.append(_open(tmp_path / f"gateway-{len(built)}", data, self.type))
            return built[-1]

        yield make
        for gateway in built:
            gateway.close()

    def test_it_can_be_found(self) -> None:
        """Its entry point leads to a module class of the same name."""
        module = load(MODULES, self.type, Module)
        assert module.name == self.type
        assert module.title
        assert issubclass(module.Settings, ModuleSettings)

    def test_every_option_says_what_it_is_for(self) -> None:
        """Every option has a docstring, and so has every section."""
        for section in sections(load(MODULES, self.type, Module).Settings, self.type):
            assert section.text, section.path
            assert [option.name for option in section.options if not option.text] == []

    def test_the_sample_of_its_docstring_can_be_used(self, tmp_path: Path) -> None:
        """The configuration sample is whole."""
        gateway = _open(tmp_path / "sample", sample(self.type, tmp_path), self.type)
        assert [module.name for module in gateway.parts.modules.values()].count(self.type) == 1
        gateway.close()

    def test_its_tables_are_what_its_migrations_make(self, make: Make) -> None:
        """Their names begin with the name of the module, and the purge knows them."""
        tables = load(MODULES, self.type, Module).tables()
        if tables is None:
            return
        assert tables.name == self.type
        assert [name for name in tables.metadata.tables if not name.startswith(f"{self.type}_")] == []
        assert newest(tables) == [tables.head]
        store = make().parts.store
        with store.database.read() as connection:
            assert differences(connection, tables) == []
        assert store.purge() == 0

    @pytest.mark.parametrize("enabled", [True, False])
    def test_an_unknown_option_is_refused(self, make: Make, enabled: bool) -> None:
        """A mistyped option never passes, in a section that is switched off neither."""
        with pytest.raises(ConfigError, match=rf"modules\.{INSTANCE}\.ruel: .*rule"):
            make(ruel="deny", enabled=enabled)

    def test_a_rule_that_does_not_compile_stops_the_start(self, make: Make, asks: Sequence[Ask]) -> None:
        """The message names the option. (Where no token is given, no rule decides.)"""
        if not asks:
            return
        with pytest.raises(ConfigError, match=rf"modules\.{INSTANCE}\.rule"):
            make(rule="inGroup(")

    def test_its_routes_are_below_its_path(self, make: Make) -> None:
        """A deeper path is as good as another, and `owns` knows the routes."""
        gateway = make(path="/a/b")
        module = gateway.parts.modules[INSTANCE]
        root = {path for _, path, _ in module.root_routes()}
        for rule in routes_of(gateway, INSTANCE):
            assert below("/a/b", rule) or rule.rule in root
            assert module.owns(rule.rule)
        assert not module.owns("/a/bc")
        assert not module.owns("/login")

    def test_an_instance_that_is_switched_off_is_not_there(self, make: Make) -> None:
        """Nothing of it is mounted."""
        gateway = make(enabled=False)
        assert routes_of(gateway, INSTANCE) == []
        assert INSTANCE not in gateway.parts.modules
        assert gateway.client().get(f"{PATH}/x").status_code == 404

    def test_two_instances_live_side_by_side(self, make: Make) -> None:
        """Each has its own routes, even where one path begins as the other does."""
        gateway = make({"path": f"{PATH}-2"})
        first, second = (gateway.parts.modules[name] for name in (INSTANCE, "more"))
        routes = [routes_of(gateway, name) for name in (INSTANCE, "more")]
        assert len(routes[0]) == len(routes[1])
        assert not any(first.owns(rule.rule) for rule in routes[1])
        assert not any(second.owns(rule.rule) for rule in routes[0])

    @pytest.mark.parametrize("signed_in", [True, False])
    def test_every_route_answers_strangers(self, make: Make, signed_in: bool) -> None:
        """Whatever is sent, no answer is a server error, and each has the security headers."""
        gateway = make()
        client = gateway.sign_in_as(PERSON) if signed_in else gateway.client()
        for sent, answer in strange_requests(client, routes_of(gateway, INSTANCE)):
            assert answer.status_code < 500, sent
            assert set(answer.headers.keys()) >= HEADERS, sent

    def test_a_token_is_recorded(self, make: Make, asks: Sequence[Ask]) -> None:
        """Each ask gives a token, and the store knows it."""
        gateway = make()
        for number, ask in enumerate(asks, 1):
            (token,) = tokens_in(ask.send(gateway.sign_in_as(PERSON), PATH))
            claims = jwt.decode(token, options={"verify_signature": False})
            row = gateway.parts.store.issuances.by_token_id(claims["jti"])
            assert row
            assert (row.instance, row.module) == (INSTANCE, self.type)
            assert row.expires_at == claims["exp"] > gateway.clock.now()
            assert len(_issued(gateway)) == number

    def test_a_token_is_in_no_log(
        self, make: Make, asks: Sequence[Ask], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not even at DEBUG."""
        caplog.set_level(logging.DEBUG)
        gateway = make()
        for ask in asks:
            (token,) = tokens_in(ask.send(gateway.sign_in_as(PERSON), PATH))
            assert "token_issued" in caplog.text
            assert token not in caplog.text

    def test_nobody_gets_a_token_who_is_not_signed_in(self, make: Make, asks: Sequence[Ask]) -> None:
        """They are sent to the sign-in page, if it is the session that says who asks."""
        gateway = make()
        for ask in asks:
            if ask.needs_session:
                answer = ask.send(gateway.client(), PATH)
                assert tokens_in(answer) == set()
                assert "/login?next=" in str(answer.location)
        assert len(_issued(gateway)) == 0

    @pytest.mark.parametrize("rule", REFUSALS)
    def test_a_rule_that_does_not_say_yes_gives_no_token(
        self, make: Make, asks: Sequence[Ask], rule: str
    ) -> None:
        """Not on any route, whether the rule says no or fails."""
        gateway = make(rule=rule)
        client = gateway.sign_in_as(PERSON)
        for ask in asks:
            answer = ask.send(client, PATH)
            assert answer.status_code == 403
            assert tokens_in(answer) == set()
        for sent, answer in strange_requests(client, routes_of(gateway, INSTANCE)):
            assert tokens_in(answer) == set(), sent
        assert _issued(gateway) == []

    def test_what_cannot_be_recorded_is_not_given_out(
        self, make: Make, asks: Sequence[Ask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The record comes before the answer."""

        def fail(*_: object) -> None:
            raise StoreError("the disk is full")

        gateway = make()
        monkeypatch.setattr(Issuances, "record", fail)
        for ask in asks:
            answer = ask.send(gateway.sign_in_as(PERSON), PATH)
            assert answer.status_code >= 500
            assert tokens_in(answer) == set()

    def test_a_token_leads_only_to_its_destinations(self, make: Make, asks: Sequence[Ask]) -> None:
        """Browsers are sent nowhere else, and the pages' policy (CSP) lets sign-in forms lead there."""
        gateway = make()
        destinations = {origin(url) for url in gateway.parts.modules[INSTANCE].destinations()}
        for ask in asks:
            location = ask.send(gateway.sign_in_as(PERSON), PATH).location
            page = gateway.client().get("/login", query_string={"next": PATH + ask.path})
            policy = page.headers["Content-Security-Policy"]
            allowed = next(part for part in policy.split("; ") if part.startswith("form-action")).split()
            assert location is None or origin(location) in destinations & {*allowed}

    def test_its_tiles_are_on_the_home_page(self, make: Make) -> None:
        """With their texts, and they lead somewhere."""
        gateway = make()
        client = gateway.sign_in_as(PERSON)
        (session,) = gateway.parts.sessions.of(PERSON)
        with gateway.app.test_request_context():
            tiles = [*gateway.parts.modules[INSTANCE].tiles(session)]
            texts = [(str(tile.title), str(tile.text)) for tile in tiles]
        page = client.get("/").get_data(as_text=True)
        for tile, (title, text) in zip(tiles, texts, strict=True):
            assert str(escape(title)) in page
            assert str(escape(text)) in page
            link = tile.form.action if tile.form else tile.href
            assert link
            assert not link.startswith("/") or client.get(link).status_code != 404

    def test_its_checks_pass(self, make: Make) -> None:
        """Those that dial nobody; each has a name of its own."""
        checks = [*make().parts.modules[INSTANCE].checks()]
        assert len({check.name for check in checks}) == len(checks)
        for check in checks:
            if check.offline:
                check.run()

    def test_it_starts_and_stops(self, make: Make) -> None:
        """As in a worker; its warnings are texts."""
        module = make().parts.modules[INSTANCE]
        assert all(isinstance(warning, str) and warning for warning in module.warnings())
        module.start()


def _open(folder: Path, data: dict[str, Any], type_name: str) -> LocalGateway:
    return open_gateway(folder, data, key_uses=load(MODULES, type_name, Module).key_uses)


def _section(configuration: dict[str, Any], type_name: str) -> dict[str, Any]:
    """Return the section of the one instance of a type."""
    modules = configuration["modules"]
    (found,) = (section for name, section in modules.items() if section.get("type", name) == type_name)
    return dict(found)


def _issued(gateway: LocalGateway) -> list[Any]:
    return [*gateway.parts.store.issuances.search(limit=1000)]
