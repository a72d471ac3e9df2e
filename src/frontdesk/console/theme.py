"""How the console looks and what its sidebar holds: django-unfold's settings. Knows no models: settings import it."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

FORMAT_MODULE_PATH = "frontdesk.console.formats"
"""Django's setting for how dates are written."""


def _style(request: object) -> str:
    return static("frontdesk/console/console.css")


def _script(request: object) -> str:
    return static("frontdesk/console/console.js")


def _icon(request: object) -> str:
    return static("frontdesk/console/icon.svg")


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    """Name a page; who may open it is asked by `site.ConsoleSite`, of the page of the model."""
    return {"title": title, "icon": icon, "model": model, "link": reverse_lazy(f"admin:{model}_changelist")}


_NAVIGATION = [
    {"items": [{"title": "Overview", "icon": "space_dashboard", "link": reverse_lazy("admin:index")}]},
    {
        "title": "Customers",
        "separator": True,
        "items": [
            _item("Conversations", "forum", "conversations_conversation"),
            _item("Knowledge", "menu_book", "knowledge_knowledgeentry"),
            _item("Widgets", "chat_bubble", "channels_widget"),
        ],
    },
    {
        "title": "Models",
        "separator": True,
        "items": [
            _item("Calls", "receipt_long", "usage_providerusage"),
            _item("Budgets", "savings", "usage_budget"),
            _item("Provider keys", "key", "tenants_providercredential"),
            _item("Providers", "hub", "usage_llmprovider"),
            _item("Models", "neurology", "usage_llmmodel"),
            _item("Prices", "payments", "usage_modelprice"),
            _item("Other names of models", "alt_route", "usage_modelalias"),
        ],
    },
    {
        "title": "Administration",
        "separator": True,
        "items": [
            _item("Tenants", "storefront", "tenants_tenant"),
            _item("API keys", "vpn_key", "tenants_apikey"),
            _item("Members", "badge", "tenants_member"),
            _item("Users", "group", "tenants_user"),
            _item("Audit log", "history", "tenants_auditevent"),
            _item("Quarantined records", "report", "usage_quarantinedrecord"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Frontdesk",
    "SITE_HEADER": "Frontdesk",
    "SITE_SUBHEADER": "Console",
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [_style],
    "SCRIPTS": [_script],
    "DASHBOARD_CALLBACK": "frontdesk.console.dashboard.context",
    "LOGIN": {"form": "frontdesk.console.login.ConsoleLoginForm"},
    "COLORS": {
        "primary": {
            "50": "#f0f8f4",
            "100": "#dcefe5",
            "200": "#bbdfcd",
            "300": "#8dc7ab",
            "400": "#5ba885",
            "500": "#3a8c69",
            "600": "#2a7055",
            "700": "#235a46",
            "800": "#1f4839",
            "900": "#1a3b30",
            "950": "#0d211b",
        }
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": _NAVIGATION},
}
