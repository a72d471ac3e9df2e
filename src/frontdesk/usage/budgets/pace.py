"""When a limit will be used up at the present pace. Pure."""

_SHORTEST_PART = 10
"""A window is taken to run for at least a tenth of its length: one early call is no pace."""


def exhausted_at(*, limit: int, used: int, since_s: int, now_s: int, end_s: int) -> int | None:
    """Tell the second at which a limit is reached if spending goes on as since `since_s`; None if the window lasts.

    What is used up already is so now. All times are seconds since the epoch; `end_s` is the window's end.
    """
    if used >= limit:
        return now_s
    if used <= 0:
        return None
    elapsed_s = max(now_s - since_s, (end_s - since_s) // _SHORTEST_PART, 1)
    at_s = now_s + -(-(limit - used) * elapsed_s // used)
    return at_s if at_s < end_s else None
