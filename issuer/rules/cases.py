"""An operator's table of cases for rules: `issuer rule --test FILE`."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from issuer.identity import Identity
from issuer.rules.explain import shown
from issuer.rules.rule import compile_expression, compile_rule
from issuer.rules.scope import Scope
from issuer.rules.vocabulary import ADDRESS
from issuer.world import Clock


class CasesError(ValueError):
    """The table cannot be read, or a case names what there is not."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where cases find what they only name: people, the texts of options, the time."""

    find_user: Callable[[str], Identity | None]
    find_option: Callable[[str], str | None]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended."""

    name: str
    passed: bool
    detail: str


class CasePerson(BaseModel):
    """A person written into the case; what is not named here is an attribute."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, str | list[str]] = Field(init=False)

    uid: str = ""
    groups: list[str] = []
    unknown: list[str] = []
    backend: str = "local"
    auth_level: int = Field(1, alias="authLevel")

    def identity(self) -> Identity:
        """Return the person as a login backend would."""
        return Identity(
            backend=self.backend,
            subject=self.uid,
            uid=self.uid,
            attributes=self.__pydantic_extra__,
            groups=tuple(self.groups),
            auth_level=self.auth_level,
            unknown=tuple(self.unknown),
        )


def address_of(text: str | None) -> str | None:
    """Return an address as a request has it; None when the text is none, as that of a proxy may be."""
    try:
        return None if text is None else str(ip_address(text))
    except ValueError:
        return None


class Case(BaseModel):
    """One `[[case]]`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    rule: str | None = None
    expression: str | None = None
    option: str | None = None
    user: str | CasePerson | None = None
    room: str | None = None
    tenant: str | None = None
    ip: str | None = None
    module: str | None = None
    variables: dict[str, str | int | float | bool] = Field({}, alias="set")
    now: AwareDatetime | None = None
    expect: bool | int | float | str | list[Any] | dict[str, Any] | None = None
    absent: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if sum(text is not None for text in (self.rule, self.expression, self.option)) != 1:
            raise ValueError("give exactly one of rule, expression and option")
        if (self.expect is None) != self.absent:
            raise ValueError("give exactly one of expect and absent = true")
        return self

    def request(self) -> dict[str, object]:
        """Return the request variables."""
        named = {"room": self.room, "tenant": self.tenant, "module": self.module}
        given = {name: value for name, value in named.items() if value is not None}
        return {**given, ADDRESS: address_of(self.ip), **self.variables}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    case: list[Case] = Field(min_length=1)


def run_cases(text: str, sources: Sources) -> list[Result]:
    """Run a table of cases (TOML); raise a CasesError when it cannot be read."""
    try:
        table = _Table.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as failure:
        raise CasesError(f"not TOML: {failure}") from failure
    except ValidationError as failure:
        raise CasesError("\n".join(map(_complaint, failure.errors()))) from failure
    return [_run(case, case.name or f"case {i}", sources) for i, case in enumerate(table.case, 1)]


def _complaint(problem: Any) -> str:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in problem["loc"])
    return f"{place}: {problem['msg']}"


def _run(case: Case, name: str, sources: Sources) -> Result:
    try:
        got = _evaluate(case, name, sources)
    except ValueError as failure:
        return Result(name, False, str(failure))
    if type(got) is type(case.expect) and got == case.expect:
        return Result(name, True, shown(got))
    return Result(name, False, f"expected {shown(case.expect)}, got {shown(got)}")


def _evaluate(case: Case, name: str, sources: Sources) -> object:
    request = case.request()
    now = case.now.timestamp() if case.now else sources.clock.now()
    scope = Scope(_identity(case, sources), request, now)
    text = _text(case, sources)
    if case.rule is not None or (case.option is not None and isinstance(case.expect, bool)):
        return compile_rule(text, option=name, variables=request).judge(scope).allowed
    return compile_expression(text, option=name, variables=request).value(scope)


def _identity(case: Case, sources: Sources) -> Identity:
    if case.user is None:
        return Identity("none", "", "")
    if isinstance(case.user, CasePerson):
        return case.user.identity()
    found = sources.find_user(case.user)
    if found is None:
        raise CasesError(f"there is no user {case.user}")
    return found


def _text(case: Case, sources: Sources) -> str:
    if case.option is None:
        return case.rule or case.expression or ""
    text = sources.find_option(case.option)
    if text is None:
        raise CasesError(f"there is no rule or expression at {case.option}")
    return text
