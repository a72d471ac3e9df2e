"""OpenAI's list of models, as clients of `GET /v1/models` read it."""

from collections.abc import Sequence

import msgspec

from frontdesk.gateway.snapshot import Model


def render_models(models: Sequence[Model], created_s: int) -> bytes:
    """Write the list; ids are full names, `provider/model`."""
    rows = [_row(model, created_s) for model in models]
    return msgspec.json.encode({"object": "list", "data": rows})


def render_model(model: Model, created_s: int) -> bytes:
    """Write one entry of the list."""
    return msgspec.json.encode(_row(model, created_s))


def _row(model: Model, created_s: int) -> dict[str, object]:
    return {"id": model.id, "object": "model", "created": created_s, "owned_by": model.provider}
