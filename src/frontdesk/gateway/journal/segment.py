"""The file format of the journal: a magic header, then records of length, checksum and msgpack payload.

    8 bytes      magic
    per record   u32 length, u32 crc32 of the payload (both little-endian), payload

A file is named `<sequence>-<seed>.journal`. The checksum starts from the seed, a random number in the file's
name, so that bytes which a client placed inside a payload can never pass for a record when a reader resyncs
after damage. Knows nothing of who writes (`writer`) or of what becomes of the records (`usage`).
"""

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from frontdesk.gateway.journal import record as records
from frontdesk.gateway.journal.record import Record

MAGIC = b"FDJRNL1\n"
HEADER_BYTES = 8
MAX_PAYLOAD_BYTES = (1 << 18) - 1
"""The longest payload. Knowing the upper bytes of every length makes the search after damage quick."""

MAX_RECORD_BYTES = MAX_PAYLOAD_BYTES + 8
SAMPLE_BYTES = 4096

_WINDOW_BYTES = 1 << 20
_FRAME = struct.Struct("<II")
_NAME = re.compile(r"(\d{10})-([0-9a-f]{8})\.journal")
# A length that fits, any checksum, and the first byte of a msgpack array.
_LIKELY_FRAME = re.compile(rb"(?=(?!\x00{4})..[\x00-\x03]\x00.{4}[\x90-\x9f\xdc\xdd])", re.DOTALL)


DamageReason = Literal["damaged", "undecodable"]


class Damage(msgspec.Struct, frozen=True):
    """Bytes from `start` to `end` that are no record, or whose checksum is right but cannot be decoded."""

    start: int
    end: int
    reason: DamageReason
    sample: bytes
    """The first bytes of the range, at most 4096."""


Item = Record | Damage | None
"""What a reader yields; None for a record that its `decode` has no use for."""
Decode = Callable[[bytes], Record | None]


def file_name(sequence: int, seed: int) -> str:
    """Name a segment; names sort by sequence."""
    return f"{sequence:010d}-{seed:08x}.journal"


def sequence_of(name: str) -> int | None:
    """Tell the sequence number in a file's name, or None when it is no segment."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def seed_of(path: Path) -> int:
    """Tell the seed in a segment's name."""
    return int(path.name[11:19], 16)


def listing(directory: Path) -> list[Path]:
    """List a directory's segments, oldest first; all but the last are complete. Empty when it is gone."""
    try:
        names = sorted(name for name in os.listdir(directory) if _NAME.fullmatch(name))  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [directory / name for name in names]


def frame(payload: bytes, seed: int) -> bytes:
    """Wrap a payload into the bytes of one record. ValueError when it is empty or too long."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(payload)} bytes does not fit a journal record")
    return _FRAME.pack(len(payload), zlib.crc32(payload, seed)) + payload


def read_from(path: Path, offset: int, *, is_live: bool, decode: Decode = records.decode) -> Iterator[tuple[Item, int]]:
    """Yield the records from `offset` (0, or an offset yielded before) with the offset that follows each.

    `decode` may give None for records that the reader has no use for.

    What is damaged is yielded as Damage, and reading goes on at the next bytes whose checksum agrees.
    A live file is one that may still grow: there an end that is no whole record is left for the next time.
    """
    with path.open("rb", buffering=0) as file:
        reader = _Reader(file.fileno(), seed_of(path), offset, decode)
        position = reader.skip_header() if offset == 0 else offset
        while True:
            for item, position in reader.run(position):  # noqa: B020 - the last offset is where the run broke off
                yield item, position
            found = reader.search(position)
            if found is None and is_live:
                return
            end = reader.end if found is None else found
            if position < end:
                yield reader.damage(position, end), end
            if found is None:
                return
            position = found


class _Reader:
    """One pass over a file, window by window. All positions are counted from the file's start."""

    def __init__(self, descriptor: int, seed: int, offset: int, decode: Decode) -> None:
        self._descriptor = descriptor
        self._decode = decode
        self._seed = seed
        self._load(offset)

    @property
    def end(self) -> int:
        """Where the window ends; after a search that found nothing, where the file ends."""
        return self._base + len(self._window)

    def skip_header(self) -> int:
        """Tell where the first record starts; a damaged header is left to be reported."""
        return HEADER_BYTES if self._window.startswith(MAGIC) else 0

    def run(self, position: int) -> Iterator[tuple[Item, int]]:
        """Yield records until the first bytes that are none."""
        while True:
            payload = self._payload_at(position)
            if payload is None:
                return
            end = position + _FRAME.size + len(payload)
            try:
                yield self._decode(payload), end
            except (msgspec.MsgspecError, ValueError):
                yield self.damage(position, end, "undecodable"), end
            position = end

    def search(self, position: int) -> int | None:
        """Find the first whole record at or after a position; None when none comes before the end."""
        while True:
            self._reach(position)
            for match in _LIKELY_FRAME.finditer(self._window, position - self._base):
                candidate = self._base + match.start()
                if self.end - candidate < MAX_RECORD_BYTES and not self._at_end:
                    break
                if self._payload_at(candidate) is not None:
                    return candidate
            else:
                candidate = max(position, self.end - _FRAME.size)
                if self._at_end:
                    return None
            position = candidate

    def damage(self, start: int, end: int, reason: DamageReason = "damaged") -> Damage:
        """Describe a range, with the beginning of its bytes."""
        return Damage(start, end, reason, os.pread(self._descriptor, min(end - start, SAMPLE_BYTES), start))

    def _payload_at(self, position: int) -> bytes | None:
        start = position - self._base
        if len(self._window) - start < MAX_RECORD_BYTES and not self._at_end:
            self._load(position)
            start = 0
        if len(self._window) - start < _FRAME.size:
            return None
        length, checksum = _FRAME.unpack_from(self._window, start)
        if not 0 < length <= MAX_PAYLOAD_BYTES:
            return None
        payload = self._window[start + _FRAME.size : start + _FRAME.size + length]
        if len(payload) < length or zlib.crc32(payload, self._seed) != checksum:
            return None
        return payload

    def _reach(self, position: int) -> None:
        """Have the window hold the longest possible record at the position, or the file's end."""
        if not self._at_end and self.end - position < MAX_RECORD_BYTES:
            self._load(position)

    def _load(self, position: int) -> None:
        self._base = position
        self._window = os.pread(self._descriptor, _WINDOW_BYTES, position)
        self._at_end = len(self._window) < _WINDOW_BYTES
