"""A toxic on its way from and to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from harness.toxiproxy.server import body
from harness.toxiproxy.server.errors import invalid_stream, invalid_toxic_type
from harness.toxiproxy.server.stage import Applied
from harness.toxiproxy.server.toxics import TOXICS
from harness.toxiproxy.server.toxics.toxic import Toxic

DIRECTIONS = ("upstream", "downstream")
ATTRIBUTES = {"attributes": body.NOTHING_YET}
WRAPPER = {"name": "string", "type": "string", "stream": "string", "toxicity": "float32", **ATTRIBUTES}


def read_new(raw: bytes) -> Applied:
    """A new toxic from a request body, with Toxiproxy's defaults.  Raises ApiError 400."""
    given = body.parse(raw)
    found = body.fields(given, WRAPPER, owner="ToxicWrapper", whole="value of type toxics.ToxicWrapper")
    stream = found.get("stream", "downstream")
    if stream.lower() not in DIRECTIONS:
        raise invalid_stream()
    type_ = found.get("type", "")
    if type_ not in TOXICS:
        raise invalid_toxic_type()
    return Applied(
        name=found.get("name") or f"{type_}_{stream}",
        type=type_,
        stream=stream,
        toxicity=found.get("toxicity", 1),
        toxic=_with_attributes(TOXICS[type_](), found.get("attributes")),
    )


def read_update(raw: bytes, applied: Applied) -> tuple[Toxic, float]:
    """New attributes and toxicity; what is not given stays.  Raises ApiError 400, and then nothing has changed."""
    given = body.parse(raw)
    found = body.fields(given, {"toxicity": "float32", **ATTRIBUTES}, owner="", whole="value of type struct")
    return _with_attributes(applied.toxic, found.get("attributes")), found.get("toxicity", applied.toxicity)


def _with_attributes(toxic: Toxic, given: object) -> Toxic:
    owner = f"{type(toxic).__name__}Toxic"
    kinds = {field.name: "int64" for field in fields(toxic)}  # type: ignore[arg-type]  # every toxic is a dataclass
    found = body.fields(given, kinds, owner=owner, whole="struct", path="attributes.")
    return replace(toxic, **found)  # type: ignore[type-var]  # every toxic is a dataclass


def as_json(applied: Applied) -> Mapping[str, Any]:
    """As the API shows it."""
    toxicity = applied.toxicity
    return {
        "attributes": asdict(applied.toxic),  # type: ignore[call-overload]  # every toxic is a dataclass
        "name": applied.name,
        "type": applied.type,
        "stream": applied.stream,
        "toxicity": int(toxicity) if toxicity == int(toxicity) else toxicity,
    }
