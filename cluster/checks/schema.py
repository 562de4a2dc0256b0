"""Objects against their schemas, strictly: an unknown field is an error, as it is for the API server.

Ray's kinds by `cluster/schemas`, with the schema's defaults filled in first; Kubernetes' own by the schemas that the
package kubernetes-validate carries. CEL rules (`x-kubernetes-validations`) are not evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource

from cluster.checks.rendering import Document, named
from cluster.schemas.make import FILE

KUBERNETES = "1.30"
"""The oldest Kubernetes that the manifests are for: newer ones know all of its fields."""

_RAY = "ray.io/v1"


def problems(document: Document) -> Iterator[str]:
    """What the API server would refuse, but for CEL rules and what depends on other objects."""
    if document.get("apiVersion") == _RAY:
        yield from _ray_problems(document)
    else:
        yield from _builtin_problems(document)


@cache
def _ray_schemas() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


@cache
def _ray_validator(kind: str) -> Draft202012Validator:
    content = _ray_schemas()
    schema = {**_strict(content[kind]), "$defs": {k: _strict(part) for k, part in content["$defs"].items()}}
    # Top-level metadata is the API server's own and stands in no CRD.
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return Draft202012Validator(schema)


def _ray_problems(document: Document) -> Iterator[str]:
    kind = document["kind"]
    if kind not in _ray_schemas():
        yield f"{named(document)}: {_RAY} has no kind {kind} here"
        return
    whole = defaulted(document, _ray_schemas()[kind])
    yield from _told(document, _ray_validator(kind).iter_errors(whole))
    yield from _doubles(document, _ray_schemas()[kind], named(document))


def _strict(schema: Any) -> Any:
    """Fields that a structural schema does not name are unknown, unless it keeps them."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(part) for name, part in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        if key not in ("default", "enum")
    }
    strict |= {key: schema[key] for key in ("enum",) if key in schema}
    if (
        "properties" in schema
        and "additionalProperties" not in schema
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        strict["additionalProperties"] = False
    return strict


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = _ray_schemas()["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def defaulted(value: Any, schema: dict[str, Any]) -> Any:
    """`value` with the schema's defaults where it says nothing, as the API server stores it."""
    schema = _resolved(schema)
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        whole = {
            name: defaulted(part, fields.get(name, schema.get("additionalProperties") or {}))
            if isinstance(fields.get(name, schema.get("additionalProperties") or {}), dict)
            else part
            for name, part in value.items()
        }
        for name, field in fields.items():
            field = _resolved(field)
            if name not in whole and "default" in field:
                whole[name] = defaulted(field["default"], field)
        return whole
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [defaulted(part, schema["items"]) for part in value]
    return value


def _doubles(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """Entries of a list that its schema takes for one (two variables or ports of one name)."""
    schema = _resolved(schema)
    if isinstance(value, dict):
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name)
            if isinstance(inner, dict):
                yield from _doubles(part, inner, f"{where}.{name}")
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        keys = schema.get("x-kubernetes-list-map-keys")
        seen = set()
        for position, part in enumerate(value):
            yield from _doubles(part, schema["items"], f"{where}[{position}]")
            if keys and isinstance(part, dict):
                identity = tuple(part.get(key) for key in keys)
                if identity in seen:
                    yield f"{where}[{position}]: a second entry with {dict(zip(keys, identity, strict=True))}"
                seen.add(identity)


@cache
def _builtin_registry() -> Registry[Any]:
    return Resource.from_contents(_builtin("_definitions")) @ Registry()


@cache
def _builtin(name: str) -> Any:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    versions = sorted(each.name for each in folder.iterdir() if each.name.startswith(f"v{KUBERNETES}."))
    (strict,) = [name for name in versions if name.endswith("-local-strict")]
    return json.loads((folder / strict / f"{name}.json").read_text(encoding="utf-8"))


def _builtin_problems(document: Document) -> Iterator[str]:
    group, _, version = str(document.get("apiVersion")).rpartition("/")
    name = "-".join(
        part for part in (str(document.get("kind")).lower(), group.partition(".")[0], version) if part
    )
    try:
        schema = _builtin(name)
    except FileNotFoundError:
        yield f"{named(document)}: Kubernetes {KUBERNETES} has no {document.get('apiVersion')} {document.get('kind')}"
        return
    errors = Draft202012Validator(schema, registry=_builtin_registry()).iter_errors(document)
    yield from _told(document, errors)


def _told(document: Document, errors: Iterator[ValidationError]) -> Iterator[str]:
    for error in errors:
        deepest = best_match([error]) or error
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in deepest.absolute_path)
        yield f"{named(document)}: {path.lstrip('.') or 'the object'}: {deepest.message[:300]}"
