"""Limits as people write them: whole requests and tokens, decimal USD. Pure."""

import re
from decimal import Decimal

from django.core.exceptions import ValidationError

from frontdesk.gateway import money
from frontdesk.gateway.budgets import terms
from frontdesk.gateway.budgets.terms import Unit

LIFTED = "none"
"""How it is written that there is no limit."""

_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_DECIMALS = 9


def parse(text: str, unit: Unit) -> int | None:
    """Read a limit as requests, tokens or nano-USD; None where it is lifted. ValidationError says what is wrong."""
    given = text.strip()
    if given.lower() == LIFTED:
        return None
    found = _NUMBER.fullmatch(given)
    if found is None:
        example = "2.50" if unit == "usd" else "100"
        raise ValidationError(
            f"{given[:40]!r} is not a limit: give a number from 0 on, such as {example}, or {LIFTED} for no limit"
        )
    whole, decimals = found[1], (found[2] or "").rstrip("0")
    if unit != "usd":
        if decimals:
            raise ValidationError(f"{given} is not a limit: {unit} are whole numbers")
        return _in_range(int(whole), unit)
    if len(decimals) > _DECIMALS:
        raise ValidationError(f"{given} is not a limit: USD have at most {_DECIMALS} decimal places")
    return _in_range(int(money.from_usd(Decimal(f"{whole}.{decimals or '0'}"))), unit)


def written(amount: int | None, unit: Unit) -> str:
    """Write an amount as it is read by `parse`: USD with two decimals at least."""
    if amount is None:
        return LIFTED
    if unit != "usd":
        return str(amount)
    dollars, _, decimals = f"{money.to_usd(money.NanoUSD(amount)):f}".partition(".")
    return f"{dollars}.{decimals.rstrip('0'):0<2}"


def _in_range(limit: int, unit: Unit) -> int:
    if limit > terms.MOST:
        raise ValidationError(f"a limit is at most {written(terms.MOST, unit)} {'USD' if unit == 'usd' else unit}")
    return limit
