"""What all of the console's pages share: who may open them, which rows they show, how much they count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from frontdesk.console import inputs
from frontdesk.console.pagination import BoundedPaginator

if TYPE_CHECKING:
    _ModelAdmin: TypeAlias = admin.ModelAdmin[Any]
    _TabularInline: TypeAlias = admin.TabularInline[Any, Any]
    from django.contrib.admin.views.main import ChangeList as _ChangeList
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline
    from unfold.views import ChangeList as _ChangeList


def is_operator(request: HttpRequest) -> bool:
    """Tell whether the console is open to whoever asks."""
    return bool(request.user.is_active and request.user.is_superuser)


class ListPage(_ChangeList):
    """A list that offers “show all” only where something is left out."""

    def get_results(self, request: HttpRequest) -> None:
        """Count once: a list that nothing narrows down is whole."""
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class OperatorAdmin(_ModelAdmin):
    """A page for the operator alone."""

    formfield_overrides = {models.TextField: {"widget": inputs.LongText}}
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    empty_hint = ""
    """What to do, or what will come by itself, where a list is empty."""
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 0
    list_filter_sheet = False
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[_ChangeList]:
        """Use our kind of list."""
        return ListPage

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Call the list by what it holds."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the area to the operator."""
        return is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator look."""
        return is_operator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let the operator add."""
        return is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator change."""
        return is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator delete."""
        return is_operator(request)


class TenantScopedAdmin(OperatorAdmin):
    """A page on tenants' rows. This is the only place that decides whose rows a person sees."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give the operator all tenants' rows, and nobody else any."""
        rows: QuerySet[Any] = self.model.objects.across_tenants()
        if not is_operator(request):
            rows = rows.none()
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows


class ReadOnly(_ModelAdmin):
    """Mixed in first: rows that may be looked at and nothing else."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes."""
        return False


class OperatorInline(_TabularInline):
    """Rows shown on another row's page, for the operator alone."""

    extra = 0
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator look."""
        return is_operator(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator add."""
        return is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator change."""
        return is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator delete."""
        return is_operator(request)
