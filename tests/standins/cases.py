"""Recorded provider exchanges: where they are, how they are read."""

import dataclasses
import functools
import gzip
import json
import pathlib
from typing import Any

OPENAI_CHAT = pathlib.Path(__file__).parents[1] / "wire" / "openai_chat"


@dataclasses.dataclass(frozen=True)
class Case:
    """One recorded exchange; `sdk_reads` is what the provider's own SDK made of the bytes."""

    id: str
    provider: str
    kind: str
    """The file's name: `chat_completions`, with `.stream`, `.error`, `.payloads-json` or `.payloads-stream`."""
    origin: str
    licence: str
    request: dict[str, Any] | None
    status: int
    headers: dict[str, str]
    body: bytes
    sdk_reads: dict[str, Any]

    @property
    def is_stream(self) -> bool:
        """Tell whether the answer is an SSE stream."""
        return self.kind.endswith("stream")

    @property
    def is_usable(self) -> bool:
        """Tell whether the SDK read a chat completion with a finished choice out of it."""
        return bool(self.sdk_reads.get("ok")) and self.sdk_reads.get("finish") is not None

    @property
    def content_type(self) -> str:
        """Tell the recorded media type, or the one that such a body has."""
        return self.headers.get("content-type") or ("text/event-stream" if self.is_stream else "application/json")


@functools.cache
def load(folder: pathlib.Path = OPENAI_CHAT) -> dict[str, Case]:
    """Read all cases below a folder, by id."""
    found: dict[str, Case] = {}
    for path in sorted(folder.glob("*/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                case = _read(path, json.loads(line))
                found[case.id] = case
    return found


def _read(path: pathlib.Path, row: dict[str, Any]) -> Case:
    return Case(
        id=row["id"],
        provider=path.parent.name,
        kind=path.name.removesuffix(".jsonl.gz"),
        origin=row["origin"],
        licence=row["licence"],
        request=row["request"],
        status=row["status"],
        headers=row["headers"] or {},
        body=_body(row),
        sdk_reads=row["sdk_reads"],
    )


def _body(row: dict[str, Any]) -> bytes:
    if "chunks" in row:  # the recorder kept the payloads only: put the framing back
        return "".join(f"data: {chunk}\n\n" for chunk in [*row["chunks"], "[DONE]"]).encode()
    return str(row["body"]).encode()
