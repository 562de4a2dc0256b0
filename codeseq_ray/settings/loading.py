"""Settings from the command line, the environment and a YAML file; and what a run id stands for."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import yaml
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from codeseq_ray import crashpoints
from codeseq_ray.errors import RunMismatchError, UsageError
from codeseq_ray.settings.jobs import SCHEMAS, Settings
from codeseq_ray.settings.shared import PREFIX, Sourced

NOT_SETTINGS = {"CODESEQ_TEST_DATA", crashpoints.VARIABLE}
"""Environment names with our prefix that belong to the tests."""

Schema = TypeVar("Schema", bound=Sourced)


def fingerprint(row_settings: dict[str, Any], input_digest: str) -> str:
    """What a run id stands for: the settings that change a row, and the input's content."""
    text = json.dumps({"settings": row_settings, "input": input_digest}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def refuse_other(
    what: str, stored: dict[str, Any], given: dict[str, Any], *, instead: str = "--run-id"
) -> None:
    """Raise RunMismatchError, naming each setting that differs from those that `what` was begun with."""
    differing = [
        f"  {name}: was {stored.get(name)!r}, is now {given.get(name)!r}"
        for name in sorted({*stored, *given})
        if stored.get(name) != given.get(name)
    ]
    if differing:
        raise RunMismatchError(
            f"{what} was begun with other settings that change its rows:\n"
            + "\n".join(differing)
            + f"\nGive these as they were, or another {instead}."
        )


@overload
def load(argv: Sequence[str] | None = None, *, program: str = "synthesize.py") -> Settings: ...


@overload
def load(argv: Sequence[str] | None = None, *, schema: type[Schema], program: str) -> Schema: ...


def load(
    argv: Sequence[str] | None = None,
    *,
    schema: type[Sourced] = Settings,
    program: str = "synthesize.py",
) -> Sourced:
    """Settings from the command line, the environment and the YAML file named by `--config`.

    A name of another job's settings in the environment is passed over: both may share one. Raises UsageError that
    names the key, its source and what is expected; `--help` prints and exits.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _refuse_unknown_environment(schema)
    from_file = _yaml(_config_path(arguments), schema)

    def sources(
        cls: type[BaseSettings],
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        cli: CliSettingsSource[Any] = CliSettingsSource(
            settings_cls, cli_parse_args=arguments, cli_prog_name=program
        )
        return cli, EnvSettingsSource(settings_cls), init_settings

    sourced = type(
        "Sourced",
        (schema,),
        {
            "__module__": __name__,
            "__doc__": schema.__doc__,
            "settings_customise_sources": classmethod(sources),
        },
    )
    try:
        values = sourced(**from_file)
    except ValidationError as error:
        raise UsageError(_explained(error)) from None
    except SettingsError as error:
        raise UsageError(f"settings: {error}") from None
    return schema.model_construct(**{name: getattr(values, name) for name in schema.model_fields})


def _config_path(arguments: list[str]) -> str | None:
    for position, word in enumerate(arguments):
        if word == "--config" and position + 1 < len(arguments):
            return arguments[position + 1]
        if word.startswith("--config="):
            return word.split("=", 1)[1]
    return os.environ.get(PREFIX + "CONFIG")


def _yaml(path: str | None, schema: type[Sourced]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"--config {path}: expected `name: value` lines, found a {type(content).__name__}")
    named = {str(key).replace("-", "_"): value for key, value in content.items()}
    unknown = sorted(set(named) - set(schema.model_fields))
    if unknown:
        raise UsageError(f"--config {path}: unknown settings {', '.join(unknown)}; --help lists all")
    return named


def _refuse_unknown_environment(schema: type[Sourced]) -> None:
    names = {name for each in (*SCHEMAS, schema) for name in each.model_fields}
    known = {PREFIX + name.upper() for name in names} | NOT_SETTINGS
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name not in known)
    if unknown:
        raise UsageError(f"environment: unknown settings {', '.join(unknown)}; --help lists all")


def _explained(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  --{name.replace('_', '-')}: {said}" if name else f"  {said}")
    return "settings that cannot be used:\n" + "\n".join(lines)
