"""What every section of the configuration file has in common.

Unknown options are refused. An option of type `Secret` may be given by exactly one of its value, the name of
an environment variable (`<option>_env`) and a file (`<option>_file`, trimmed).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

SOURCES = ("_env", "_file")


def is_secret(annotation: Any) -> bool:
    """Tell whether an option's type is a secret, optional or not."""
    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())


def _problem(field: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("secret_source", "{text}", {"field": field, "text": text})


class Context:
    """What validation needs from outside: the environment, and the folder that relative paths start from."""

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        """Keep both."""
        self.environ = environ
        self.base = base


def _from_base(path: Path, info: ValidationInfo) -> Path:
    path = path.expanduser()
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
                _read_secret(data, name, info.context)
            elif isinstance(field.default, Section):
                data.setdefault(name, {})
        return data


def _read_secret(data: dict[str, Any], name: str, context: Context) -> None:
    given = [key for key in (name, *(name + source for source in SOURCES)) if key in data]
    if len(given) > 1:
        raise _problem(name, f"is given {len(given)} times ({', '.join(given)}): keep exactly one")
    if given == [name + "_env"]:
        variable = str(data.pop(name + "_env"))
        if variable not in context.environ:
            raise _problem(name + "_env", f"the environment variable {variable} is not set")
        data[name] = context.environ[variable]
    elif given == [name + "_file"]:
        data[name] = _read_file(name + "_file", context.base / str(data.pop(name + "_file")))


def _read_file(option: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _problem(option, f"cannot read {path}: {reason}") from None
