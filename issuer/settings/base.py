"""What every section of the configuration file has in common.

Unknown options are refused. An option of type `Secret` may be given by exactly one of its value, the name of
an environment variable (`<option>_env`) and a file (`<option>_file`, trimmed).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from stat import S_IROTH
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationInfo, model_validator

SOURCES = ("_env", "_file")


class FromEnvironment(str):
    """The text of an environment variable."""

    __slots__ = ()

    def decoded(self) -> Any:
        """Return the list or the table that is written here as JSON, or the text when it is none."""
        try:
            return json.loads(self)
        except (ValueError, RecursionError):
            return str(self)


def mentions(annotation: Any, *kinds: type) -> bool:
    """Tell whether a type is one of these, or is made of one: in a union, a list, with annotations."""
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, kinds)
    return get_origin(annotation) in kinds or any(mentions(inner, *kinds) for inner in get_args(annotation))


def is_secret(annotation: Any) -> bool:
    """Tell whether an option's type is a secret, optional or not."""
    return mentions(annotation, SecretStr)


class SecretFault(Exception):  # noqa: N818 - it stands in the place of the secret until all is validated
    """Why a secret cannot be had.

    Args:
        option: the option at fault, in its section.
        text: what is wrong with it.
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option
        self.text = text


class Context:
    """What validation needs from outside: the environment, and the folder that relative paths start from.

    It gathers `warnings`, and whether a secret stands in the file itself (`plain_secret`).
    """

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self.environ = environ
        self.base = base
        self.warnings: list[str] = []
        self.plain_secret = False

    def warn_of_readers(self, path: Path) -> None:
        """Warn of a file with a secret that everybody on this machine can read."""
        if path.exists() and path.stat().st_mode & S_IROTH:
            self.warnings.append(f"{path} holds a secret and others can read it: run `chmod o= {path}`")


def _from_base(path: Path, info: ValidationInfo) -> Path:
    if "\0" in str(path):
        raise ValueError("a path has no NUL character")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError("there is no user of that name: write the whole path") from None
    return info.context.base / path if isinstance(info.context, Context) else path


ConfigPath = Annotated[Path, AfterValidator(_from_base)]
"""A path; a relative one starts from the folder of the configuration file."""


class Section(BaseModel):
    """A section of the configuration: typed, frozen, unknown options refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_sources(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict) or not isinstance(info.context, Context):
            return data
        data = dict(data)
        for name, field in cls.model_fields.items():
            if is_secret(field.annotation):
                try:
                    _read_secret(data, name, info.context)
                except SecretFault as fault:
                    data[name] = fault
            elif isinstance(field.default, Section):
                data.setdefault(name, {})
            if isinstance(data.get(name), FromEnvironment) and mentions(
                field.annotation, list, dict, Section
            ):
                data[name] = data[name].decoded()
        return data


def _read_secret(data: dict[str, Any], name: str, context: Context) -> None:
    given = [key for key in (name, *(name + source for source in SOURCES)) if key in data]
    if any(isinstance(data[key], FromEnvironment) for key in given):
        for key in [key for key in given if not isinstance(data[key], FromEnvironment)]:
            given.remove(key)
            del data[key]
    if len(given) > 1:
        for key in given:
            del data[key]
        raise SecretFault(name, f"is given {len(given)} times ({', '.join(given)}): keep exactly one")
    if given and not isinstance(data[given[0]], str):
        del data[given[0]]
        raise SecretFault(given[0], "must be text in quotation marks")
    if given == [name]:
        context.plain_secret = context.plain_secret or not isinstance(data[name], FromEnvironment)
    elif given == [name + "_env"]:
        data[name] = _read_variable(name + "_env", data.pop(name + "_env"), context)
    elif given == [name + "_file"]:
        data[name] = _read_file(name + "_file", data.pop(name + "_file"), context)
    if given and not data[name]:
        raise SecretFault(given[0], "is empty")


def _read_variable(option: str, variable: str, context: Context) -> str:
    if variable not in context.environ:
        raise SecretFault(option, "names an environment variable that is not set")
    return context.environ[variable]


def _read_file(option: str, name: str, context: Context) -> str:
    path = context.base / name
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        # A secret may have been put here itself: so the text does not repeat what is here.
        reason = error.strerror if isinstance(error, OSError) else "it is no text file"
        raise SecretFault(option, f"cannot be read, starting from {context.base}: {reason}") from None
    context.warn_of_readers(path)
    return text
