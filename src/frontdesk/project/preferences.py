"""Whether what the environment prefers exists: asked of the catalog, so only where Django runs."""

from __future__ import annotations

from frontdesk.gateway.errors import CallerError
from frontdesk.gateway.snapshot import AUTO, Snapshot
from frontdesk.project.configuration import Configuration
from frontdesk.server.wiring import read_snapshot
from frontdesk.usage.models import LLMProvider

_NO_KEY = frozenset({"provider_not_configured", "no_provider"})


def check(chosen: Configuration) -> tuple[list[str], list[str]]:
    """Tell what is wrong with the preferred provider and model, and what is doubtful: errors and warnings."""
    if not chosen.preferred_provider and not chosen.preferred_model:
        return [], []
    snapshot = read_snapshot()
    if fault := _provider_fault(chosen.preferred_provider, snapshot, chosen):
        return [fault], []
    try:
        target = snapshot.resolve(snapshot.operator_id, AUTO)
    except CallerError as error:
        return _told(error, chosen)
    if target.model.id not in snapshot.models:
        return [], [
            f"LLM_PREFERRED_MODEL names {target.model.name}, which the catalog does not list under "
            f"{target.provider.name}: it is asked all the same, and its calls have no price"
        ]
    return [], []


def _provider_fault(name: str, snapshot: Snapshot, chosen: Configuration) -> str | None:
    if not name or name in snapshot.providers:
        return None
    row = LLMProvider.objects.filter(name=name).first()
    if row is None:
        return f"LLM_PREFERRED_PROVIDER names {name}, which is no provider here: see `frontdesk provider list`"
    overlays = (entry.overlay for entry in chosen.provider_overlays if entry.overlay.name == name)
    if not row.is_enabled or not all(overlay.is_enabled for overlay in overlays):
        return f"LLM_PREFERRED_PROVIDER names {name}, which is switched off: enable it or prefer another"
    return f"LLM_PREFERRED_PROVIDER names {name}, whose wire format this version does not speak: prefer another"


def _told(error: CallerError, chosen: Configuration) -> tuple[list[str], list[str]]:
    if error.code not in _NO_KEY:
        variable = "LLM_PREFERRED_MODEL" if chosen.preferred_model else "LLM_PREFERRED_PROVIDER"
        return [f"{variable} cannot be used: {error.public_message}"], []
    if chosen.preferred_provider:
        return [], [f"LLM_PREFERRED_PROVIDER names {chosen.preferred_provider}, for which the operator has no key"]
    return [], [f"LLM_PREFERRED_MODEL names {chosen.preferred_model}, for which the operator has no key"]
