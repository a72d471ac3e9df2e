"""Where a stored provider key may be sent: to the address that it was given for, and no other without the key."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError

from frontdesk.gateway.providers.web_address import is_elsewhere

OTHER_ADDRESS = (
    "This is another address than the stored key was given for, so the key is not sent there: enter the key again too."
)


def check_of_key(before: str, after: str, *, is_new_secret: bool) -> None:
    """Refuse another address for a stored key; "" is the provider's own, so from and to it is a change as well."""
    if not is_new_secret and is_elsewhere(before, after):
        raise ValidationError({"base_url": OTHER_ADDRESS})


def check_of_provider(provider: str, before: str, after: str, following: int) -> None:
    """Refuse another address for a provider while keys without an address of their own would follow it there.

    `following` counts the stored ones; those of the environment are looked at here.
    """
    if not is_elsewhere(before, after):
        return
    if following:
        keys = "a stored key" if following == 1 else f"{following} stored keys"
        raise ValidationError(
            {
                "base_url": f"{keys} for {provider} would be sent to this other address: delete or re-enter them with "
                "an address of their own first, or add a provider under another name"
            }
        )
    for key in settings.CONFIGURATION.operator_credentials():
        if key.provider == provider and not key.base_url:
            raise ValidationError(
                {
                    "base_url": f"the key in {key.variable} would be sent to this other address: set "
                    f"{provider.upper()}_BASE_URL beside it instead"
                }
            )
