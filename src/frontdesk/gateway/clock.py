"""Time and time-ordered ids, as values that are handed in so that tests can hold them still."""

import random
import threading
import time
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """What the request path asks about time."""

    def now_ns(self) -> int:
        """Tell the wall-clock time in nanoseconds since the epoch; it never goes back within a process."""
        ...

    def monotonic(self) -> float:
        """Tell seconds on a clock that only measures distances."""
        ...


class SystemClock:
    """The machine's clock, made strictly increasing: a step backwards is ridden out, not passed on."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Tell the wall-clock time in nanoseconds, always later than the time told before."""
        with self._lock:
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            return self._last_ns

    def monotonic(self) -> float:
        """Tell seconds on the monotonic clock."""
        return time.monotonic()


def uuid7_bytes(now_ns: int) -> bytes:
    """Make the 16 bytes of a UUIDv7 whose order follows `now_ns` down to about 250 ns.

    RFC 9562 section 5.7 with method 3 of section 6.2: 48 bits of milliseconds, 12 bits of the fraction of the
    millisecond, 62 random bits. Ids are no secrets, so the bits are from Python's generator, not the system's.
    """
    milliseconds, remainder_ns = divmod(now_ns, 1_000_000)
    fraction = (remainder_ns << 12) // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random.getrandbits(62)
    return value.to_bytes(16, "big")


def uuid7_text(now_ns: int) -> str:
    """Make a UUIDv7 in its usual form, 36 characters."""
    digits = uuid7_bytes(now_ns).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7(now_ns: int) -> UUID:
    """Make a UUIDv7 as the object that databases take."""
    return UUID(bytes=uuid7_bytes(now_ns))
