"""What a model without a price is reckoned at, so that limits of money hold for what the catalog does not list yet."""

from statistics import median_high

from frontdesk.gateway.snapshot import Price, Snapshot, Target

_MOST_REMEMBERED = 1_000


class Likeness:
    """Finds a like model's price, and remembers it as long as the Snapshot stays."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._prices: dict[str, Price | None] = {}

    def price(self, snapshot: Snapshot, target: Target) -> Price | None:
        """Give the price of the provider's model whose name begins the asked one's, else a middling one of its prices.

        None where the provider has no prices at all: its models are taken to cost nothing, as one's own servers do.
        """
        if snapshot is not self._snapshot or len(self._prices) >= _MOST_REMEMBERED:
            self._snapshot, self._prices = snapshot, {}
        name = target.model.id
        if name not in self._prices:
            self._prices[name] = _like(snapshot, target)
        return self._prices[name]


def _like(snapshot: Snapshot, target: Target) -> Price | None:
    priced = {
        model.name: model.price
        for model in snapshot.models.values()
        if model.provider == target.provider.name and model.price is not None
    }
    if not priced:
        return None
    beginnings = [name for name in priced if target.model.name.startswith(name)]
    if beginnings:
        return priced[max(beginnings, key=len)]
    middle = median_high(price.output for price in priced.values())
    return next(price for price in priced.values() if price.output == middle)
