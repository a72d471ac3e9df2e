"""What all of the console's pages share: who may open them, which rows they show, how much they count."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils.text import capfirst

from frontdesk.console import inputs
from frontdesk.console.access import access_of
from frontdesk.console.admin.recording import RecordingAdmin
from frontdesk.console.pagination import BoundedPaginator
from frontdesk.tenants.models import Tenant
from frontdesk.tenants.tenancy import TenantOwned

if TYPE_CHECKING:
    _ModelAdmin: TypeAlias = RecordingAdmin
    _TabularInline: TypeAlias = admin.TabularInline[Any, Any]
    from django.contrib.admin.views.main import ChangeList as _ChangeList
else:
    from unfold.admin import ModelAdmin as _UnfoldAdmin
    from unfold.admin import TabularInline as _TabularInline
    from unfold.views import ChangeList as _ChangeList

    class _ModelAdmin(RecordingAdmin, _UnfoldAdmin):
        """unfold's looks on our recording."""


_LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})


def is_operator(request: HttpRequest) -> bool:
    """Tell whether the operator asks, who may do everything."""
    return access_of(request).is_operator


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
        try:
            # Whole or not at all: an action changes rows and records each.
            with transaction.atomic() if request.method == "POST" else nullcontext():
                return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except OverflowError:
            # A number that no database column holds; Django answers other senseless lookups in the same way.
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Refuse “save as new”, which would make a row from the address of another."""
        if "_saveasnew" in request.POST:
            raise PermissionDenied
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Find the row; None for an id that no database column holds."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """Answer 404 for a row that is not there, or not to be seen, instead of leading to the first page."""
        raise Http404(f"no such {opts.verbose_name}")

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
    """A page on tenants' rows. This is the only place that decides whose rows a person sees and changes.

    A page names the scope that shows its rows and the one that changes them; None leaves it to the operator. Members
    see the rows of the tenants at which their role has the scope.
    """

    view_scope: str | None = None
    change_scope: str | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Give the rows that the person may see or, where something is sent, may change."""
        rows: QuerySet[Any] = self.model.objects.across_tenants()
        access = access_of(request)
        if not access.is_operator:
            scope = self.view_scope if request.method in _LOOKING else self.change_scope
            rows = rows.filter(**{f"{self.tenant_lookup}__in": access.tenants_with(scope)})
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    tenant_lookup = "tenant_id"

    def tenant_of(self, row: Any) -> int | None:
        """Tell whose row it is."""
        tenant_id: int | None = getattr(row, self.tenant_lookup, None)
        return tenant_id

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the area to whoever may see rows of it somewhere."""
        return self._may(request, self.view_scope, None)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let look who has the page's scope at the row's tenant."""
        return self._may(request, self.view_scope, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let add who may change."""
        return self._may(request, self.change_scope, None)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let change who has the page's scope at the row's tenant."""
        return self._may(request, self.change_scope, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let delete who may change."""
        return self._may(request, self.change_scope, obj)

    def _may(self, request: HttpRequest, scope: str | None, row: Any) -> bool:
        access = access_of(request)
        # unfold asks about some actions with the row's id in the row's place; the rows come from get_queryset.
        if not isinstance(row, Model) or row.pk is None:
            return access.may_somewhere(scope)
        return access.may(scope, self.tenant_of(row))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Let the form know what the person may do."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.access, form.change_scope = access_of(request), self.change_scope
        return form

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        """Spare members the search for tenants: they choose from their own few."""
        return super().get_autocomplete_fields(request) if is_operator(request) else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer members, and take from them, only rows of tenants where they may change something."""
        access = access_of(request)
        if not access.is_operator:
            kwargs["queryset"] = _of_tenants(db_field, access.tenants_with(self.change_scope))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Suggest a member's only tenant."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        own = access_of(request).tenants_with(self.change_scope)
        return {"tenant": next(iter(own)), **initial} if len(own) == 1 else initial


def _of_tenants(db_field: ForeignKey[Any, Any], tenant_ids: frozenset[int]) -> QuerySet[Any]:
    """Give the rows of these tenants that a foreign key may point to; none of what belongs to nobody."""
    target = db_field.remote_field.model
    if issubclass(target, Tenant):
        return Tenant.objects.filter(pk__in=tenant_ids, is_active=True).order_by("name")
    if issubclass(target, TenantOwned):
        return target.objects.filter(tenant_id__in=tenant_ids)
    return target._base_manager.none()


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
