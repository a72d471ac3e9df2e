"""Pages of lists that may hold millions of rows: nothing is counted beyond a bound."""

from __future__ import annotations

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

MAX_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and shows at most the first MAX_COUNTED rows; filters and search reach the others."""

    @cached_property
    def count(self) -> int:
        """Count the rows, at most MAX_COUNTED."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:MAX_COUNTED].count()
        return len(rows)
