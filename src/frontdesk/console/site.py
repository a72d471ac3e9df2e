"""The console as a whole: who is let in, in whose name things are done, and what its sidebar offers to whom."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from frontdesk.console.access import access_of, actor_of
from frontdesk.tenants import audit
from frontdesk.tenants.models import User

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as _Site
else:
    from unfold.sites import UnfoldAdminSite as _Site

_DONE = 302
_UNUSED = frozenset({"view_on_site"})
"""Views of the libraries that the console does not use: each would be another door to keep."""


class ConsoleSite(_Site):
    """The site of the console's pages."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in the operator and active members of active tenants."""
        return access_of(request).is_any

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Attribute what a page does to whoever asked for it."""

        @wraps(view)
        def attributed(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with audit.acting_as(actor_of(request)):
                return view(request, *args, **kwargs)

        return super().admin_view(attributed, cacheable)

    def get_urls(self) -> list[Any]:
        """Leave out what the console does not use."""
        return [found for found in super().get_urls() if getattr(found, "name", None) not in _UNUSED]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign in, on record."""
        response = super().login(request, extra_context)
        _record_of_person(request, response, "signed_in")
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Change one's own password, on record."""
        response = super().password_change(request, extra_context)
        _record_of_person(request, response, "password.changed")
        return response

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Find pages by their names, among those the person may open; 404 for a page number that is none."""
        try:
            return super().search(request, extra_context)  # type: ignore[misc]  # unfold's
        except (InvalidPage, ValueError) as error:
            raise Http404("no such page of results") from error

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Offer the pages that the person may open."""
        groups: list[dict[str, Any]] = super().get_sidebar_list(request)  # type: ignore[misc]  # unfold's
        shown = [
            {**group, "items": [item for item in group["items"] if self._is_open(request, item)]} for group in groups
        ]
        return [group for group in shown if group["items"]]

    def _is_open(self, request: HttpRequest, item: dict[str, Any]) -> bool:
        name = item.get("model")
        if name is None:
            return True
        pages = (
            page
            for model, page in self._registry.items()
            if f"{model._meta.app_label}_{model._meta.model_name}" == name
        )
        return any(page.has_view_permission(request) for page in pages)


def _record_of_person(request: HttpRequest, response: HttpResponseBase, action: str) -> None:
    """Record what a person did for themselves, for each of their tenants; the operator's staff have none."""
    if request.method != "POST" or response.status_code != _DONE or not isinstance(request.user, User):
        return
    with audit.acting_as(actor_of(request)):
        tenant_ids: list[int | None] = [*access_of(request).scopes_by_tenant]
        for tenant_id in tenant_ids or [None]:
            audit.record(tenant_id, action, request.user)
