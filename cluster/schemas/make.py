"""Make `ray.io_v1.json` from KubeRay's CRD files.

    python -m cluster.schemas.make FOLDER v1.7.0

FOLDER holds rayclusters.yaml, rayjobs.yaml and rayservices.yaml, as under helm-chart/kuberay-operator/crds or
ray-operator/config/crd/bases (`ray.io_*.yaml`) of that version. What is left out says nothing about a manifest:
descriptions, formats, other versions of the API, `status`. Parts that recur (a schema holds several specs of pods)
are written once, under `$defs`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

KINDS = {"RayCluster": "rayclusters", "RayJob": "rayjobs", "RayService": "rayservices"}
FILE = Path(__file__).with_name("ray.io_v1.json")

_DROPPED = {"description", "format", "x-kubernetes-list-type", "x-kubernetes-map-type"}
_WORTH = 120
"""Characters from which a recurring part is written once."""


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what says nothing about a manifest. Names of properties are no keywords."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        if key == "properties":
            kept[key] = {name: compact(part) for name, part in value.items()}
        elif key in ("items", "additionalProperties", "not") and isinstance(value, dict):
            kept[key] = compact(value)
        elif key in ("anyOf", "allOf", "oneOf"):
            kept[key] = [compact(part) for part in value]
        else:
            kept[key] = value
    return kept


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True, separators=(",", ":"))


def shared(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`{kind: schema, "$defs": parts}`, where equal large parts are one reference."""
    count: Counter[str] = Counter()

    def look(schema: dict[str, Any]) -> None:
        text = _text(schema)
        count[text] += 1
        if count[text] == 1:
            for part in _parts(schema):
                look(part)

    parts: dict[str, Any] = {}

    def written(schema: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
        text = _text(schema)
        if not whole and count[text] > 1 and len(text) >= _WORTH:
            name = hashlib.sha256(text.encode()).hexdigest()[:8]
            if name not in parts:
                parts[name] = None  # keeps its place
                parts[name] = written(schema, whole=True)
            return {"$ref": f"#/$defs/{name}"}
        result = dict(schema)
        for key, value in schema.items():
            if key == "properties":
                result[key] = {name: written(part) for name, part in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                result[key] = written(value)
        return result

    for schema in schemas.values():
        look(schema)
    kinds = {kind: written(schema, whole=True) for kind, schema in schemas.items()}
    return {**kinds, "$defs": dict(sorted(parts.items()))}


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    inner = list(schema.get("properties", {}).values())
    return inner + [
        schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)
    ]


def main(folder: Path, version: str) -> None:
    schemas = {}
    for kind, name in KINDS.items():
        (path,) = [path for path in sorted(folder.glob("*.yaml")) if path.stem.endswith(name)]
        crd = yaml.safe_load(path.read_text(encoding="utf-8"))
        (found,) = [each for each in crd["spec"]["versions"] if each["name"] == "v1"]
        schemas[kind] = compact(found["schema"]["openAPIV3Schema"])
        schemas[kind]["properties"].pop("status", None)
    note = (
        f"OpenAPI schemas of ray.io/v1 from github.com/ray-project/kuberay, {version}. Copyright the KubeRay "
        "authors, Apache License 2.0. Changed: shortened by cluster/schemas/make.py."
    )
    content = {"$comment": note, "version": version, **shared(schemas)}
    FILE.write_text(_text(content) + "\n", encoding="utf-8")
    print(f"{FILE}: {FILE.stat().st_size} bytes, {len(content['$defs'])} shared parts")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
