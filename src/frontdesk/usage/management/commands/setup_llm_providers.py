"""`setup_llm_providers`: fills the catalog of providers, models and prices."""

from typing import Any

from django.core.management.base import BaseCommand

from frontdesk.usage import services


class Command(BaseCommand):
    """Translates the command line into `services.setup_catalog`."""

    help = "Fill the catalog of providers, models, dated prices and aliases. Running it again adds only what is new."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the import and say what it added."""
        added = services.setup_catalog()
        if added.held_back:
            self.stderr.write(
                f"{added.held_back} prices changed by more than half and stay as they are: see frontdesk prices import"
            )
        if not (added.providers or added.models or added.prices or added.aliases):
            return
        self.stdout.write(
            f"Added {added.providers} providers, {added.models} models, {added.prices} prices, {added.aliases} aliases."
        )
