"""How values read in the console: money, labels, durations, links. Pure; all text is escaped."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from frontdesk.gateway import money

Tone = Literal["good", "bad", "warn", "info", "quiet"]

NOTHING = "–"
_SIGNIFICANT_DIGITS = 3
_CENT = Decimal("0.01")


def usd(cost_nano_usd: int | None) -> str:
    """Write a cost in USD: cents from one dollar on, three significant digits below. None is an unknown price."""
    if cost_nano_usd is None:
        return "no price"
    amount = money.to_usd(money.NanoUSD(cost_nano_usd))
    if amount == 0:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount.quantize(_CENT):,}"
    places = max(2, _SIGNIFICANT_DIGITS - 1 - amount.adjusted())
    digits = f"{amount.quantize(Decimal(1).scaleb(-places)):f}".rstrip("0")
    whole, _, decimals = digits.partition(".")
    return f"${whole}.{decimals:0<2}"


def usd_per_mtok(nano_usd_per_mtok: int) -> str:
    """Write a price per million tokens in USD."""
    return usd(nano_usd_per_mtok)


def milliseconds(duration_ms: int | None) -> str:
    """Write a duration: in milliseconds below a second, else in seconds."""
    if duration_ms is None:
        return NOTHING
    return f"{duration_ms} ms" if duration_ms < 1000 else f"{duration_ms / 1000:.1f} s"


def count(number: int | None) -> str:
    """Write a whole number with thousands separated; a dash for an unknown one."""
    return NOTHING if number is None else f"{number:,}"


def percent(part: int, whole: int) -> str:
    """Write a share; a dash of nothing. Never rounds up to 100 % what is not all."""
    if whole == 0:
        return NOTHING
    share = part * 100 / whole
    return f"{min(share, 99.9) if part < whole else 100:.1f} %".replace(".0 %", " %")


def label(text: str, tone: Tone = "quiet") -> SafeString:
    """Show a short word as a coloured label."""
    return format_html('<span class="fd-label fd-label-{}">{}</span>', tone, text)


def code(text: str) -> SafeString:
    """Show an identifier in letters of equal width."""
    return format_html('<code class="fd-code">{}</code>', text) if text else SafeString(NOTHING)


def link(address: str, text: object) -> SafeString:
    """Show a link."""
    return format_html('<a class="fd-link" href="{}">{}</a>', address, text)


def shortened(text: str, length: int = 90) -> str:
    """Cut a text to one line of at most `length` characters."""
    line = " ".join(text[: length * 4].split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"
