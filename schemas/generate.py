"""Write `json/`: a JSON Schema per message, the plant file's, the mapping's, and `asyncapi.yaml`, from the models.

python -m schemas.generate           write them
python -m schemas.generate --check   exit 1 and name those that are stale
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from schemas.edge_document import EdgeDocument
from schemas.mapping_document import MappingDocument
from schemas.plant_document import PlantDocument
from schemas.registry import REQUESTS, TOPICS, Topic

FOLDER = Path(__file__).parent / "json"
ELSEWHERE = frozenset({"openapi.json"})
"""Files in `json/` that are made of the running stages, not of the models: services/embedded/describe.py."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMAT = "application/schema+json;version=draft-2020-12"


def generated() -> dict[str, str]:
    """File name in `json/` → content."""
    models = [model for topic in (*TOPICS, *REQUESTS) for model in topic.models]
    files = {f"{model.__name__}.schema.json": _schema(model) for model in models}
    files["plant.schema.json"] = _schema(PlantDocument)
    files["mapping.schema.json"] = _schema(MappingDocument)
    files["edge.schema.json"] = _schema(EdgeDocument)
    files["asyncapi.yaml"] = yaml.safe_dump(_asyncapi(), allow_unicode=True, sort_keys=False, width=110)
    return files


def stale() -> list[str]:
    """Names of the files in `json/` that are not what the models give now, or that nothing gives any more."""
    files = generated()
    present = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} if FOLDER.is_dir() else {}
    return sorted(name for name in (files.keys() | present.keys()) - ELSEWHERE if files.get(name) != present.get(name))


def _schema(model: type[BaseModel]) -> str:
    schema = {"$schema": _DIALECT, **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _asyncapi() -> dict[str, Any]:
    models = [model for topic in TOPICS for model in topic.models]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "floorstream",
            "version": "1.0.0",
            "description": "Topics of the shop-floor event processor. Generated from schemas/*.py: do not edit.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {operation: value for topic in TOPICS for operation, value in _operations(topic).items()},
        "components": {
            "messages": {
                model.__name__: {
                    "name": model.__name__,
                    "summary": (model.__doc__ or "").split("\n")[0],
                    "contentType": "application/json",
                    "payload": {"schemaFormat": _FORMAT, "schema": {"$ref": f"./{model.__name__}.schema.json"}},
                }
                for model in models
            }
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    names = [model.__name__ for model in topic.models]
    return {
        "address": topic.name,
        "description": f"{topic.purpose}\nKey: {topic.key}. Partitions: {topic.partitions}. "
        f"Retention: {topic.retention}. Written by {', '.join(topic.writers)}; read by {', '.join(topic.readers)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    """What the system does with the topic, seen from the outside: it receives what anyone may write, sends the rest."""
    action = "receive" if topic.name in ("floor.scans", "floor.machines") else "send"
    return {f"{action}.{topic.name}": {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}}


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; 1 when --check finds stale ones."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the stale files")
    if parser.parse_args(arguments).check:
        names = stale()
        if names:
            print("stale, run `python -m schemas.generate`: " + ", ".join(names), file=sys.stderr)
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    files = generated()
    for name, content in files.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    for path in FOLDER.iterdir():
        if path.name not in files and path.name not in ELSEWHERE:
            path.unlink()
    print(f"{len(files)} files written to {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
