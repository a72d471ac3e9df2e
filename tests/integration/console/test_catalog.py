"""Prices of one's own, other names of models, widgets and knowledge."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from frontdesk.channels import services as channels
from frontdesk.channels.models import Widget
from frontdesk.knowledge import selectors as knowledge
from frontdesk.knowledge.models import KnowledgeEntry
from frontdesk.usage import selectors
from frontdesk.usage.models import LLMProvider, ModelAlias, ModelPrice

pytestmark = pytest.mark.django_db


def price_form(model, **changes):
    return {
        "model": model.pk,
        "input": "0.1",
        "output": "0.4",
        "cache_read": "",
        "cache_write": "",
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00:00",
        "valid_until_0": "",
        "valid_until_1": "",
        "corrects_past": "on",
        **changes,
    }


def test_an_override_in_dollars_is_stored_in_nano_usd_and_wins(operator, catalog):
    operator.post(reverse("admin:usage_modelprice_add"), price_form(catalog["model"], cache_read="0.025"))

    row = ModelPrice.objects.get(is_override=True)
    assert (row.input_nano_usd_per_mtok, row.output_nano_usd_per_mtok) == (100_000_000, 400_000_000)
    assert (row.cache_read_nano_usd_per_mtok, row.cache_write_nano_usd_per_mtok) == (25_000_000, 100_000_000)
    assert row.source == "operator"
    in_force = selectors.price_at("openai", "gpt-4o-mini", timezone.now())
    assert in_force is not None
    assert in_force.input == 100_000_000
    assert "$0.10 / $0.40 (override)" in operator.get(reverse("admin:usage_llmmodel_changelist")).content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"input": "-1"}, "input"),
        ({"input": "cheap"}, "input"),
        ({"output": ""}, "output"),
        ({"valid_until_0": "2025-01-01", "valid_until_1": "00:00"}, "valid_until"),
    ],
)
def test_a_faulty_price_is_not_stored(operator, catalog, changes, field):
    answer = operator.post(reverse("admin:usage_modelprice_add"), price_form(catalog["model"], **changes))

    assert field in answer.context["adminform"].form.errors
    assert not ModelPrice.objects.filter(is_override=True).exists()


def test_two_overrides_from_one_moment_are_refused(operator, catalog):
    add = reverse("admin:usage_modelprice_add")
    operator.post(add, price_form(catalog["model"]))

    answer = operator.post(add, price_form(catalog["model"], input="9"))

    assert "It would overlap your price from 2026-01-01 00:00 UTC" in answer.content.decode()
    assert ModelPrice.objects.get(is_override=True).input_nano_usd_per_mtok == 100_000_000


def test_a_price_that_changes_the_past_must_say_so(operator, catalog):
    form = price_form(catalog["model"])
    del form["corrects_past"]

    answer = operator.post(reverse("admin:usage_modelprice_add"), form)

    assert "It would begin in the past" in answer.content.decode()
    assert not ModelPrice.objects.filter(is_override=True).exists()


def test_a_later_override_ends_the_one_before(operator, catalog):
    add = reverse("admin:usage_modelprice_add")
    operator.post(add, price_form(catalog["model"]))
    operator.post(add, price_form(catalog["model"], valid_from_0="2026-02-01"))

    first, second = ModelPrice.objects.filter(is_override=True).order_by("valid_from")
    assert (first.valid_until, second.valid_until) == (second.valid_from, None)


def test_prices_of_long_prompts_are_lines(operator, catalog):
    operator.post(
        reverse("admin:usage_modelprice_add"), price_form(catalog["model"], tiers="300000=0.3,1\n200000=0.2,0.8,0.02")
    )

    row = ModelPrice.objects.get(is_override=True)
    assert [(tier["above"], tier["cache_read"], tier["cache_write"]) for tier in row.tiers] == [
        (200_000, 20_000_000, 200_000_000),
        (300_000, 300_000_000, 300_000_000),
    ]
    page = operator.get(reverse("admin:usage_modelprice_changelist")).content.decode()
    assert "&gt; 200,000 tokens: $0.20 / $0.80<br>&gt; 300,000 tokens: $0.30 / $1.00" in page
    change = reverse("admin:usage_modelprice_change", args=[row.pk])
    assert "200000=0.2,0.8,0.02,0.2" in operator.get(change).content.decode()
    faulty = operator.post(change, price_form(catalog["model"], tiers="many=1,2"))
    assert "tiers" in faulty.context["adminform"].form.errors


def test_imported_prices_are_not_changed(operator, catalog):
    page = reverse("admin:usage_modelprice_change", args=[catalog["price"].pk])

    answer = operator.post(page, price_form(catalog["model"]))

    catalog["price"].refresh_from_db()
    assert answer.status_code == 403
    assert (catalog["price"].input_nano_usd_per_mtok, catalog["price"].is_override) == (150_000_000, False)


def test_a_price_is_overridden_on_the_models_page(operator, catalog):
    model = catalog["model"]
    row = {f"prices-0-{name}": value for name, value in price_form(model).items() if name != "model"}
    form = {
        "is_enabled": "on",
        "quality_rank": "500",
        "context_window": "",
        "max_output_tokens": "",
        "capabilities": "tools, vision, tools",
        "prices-TOTAL_FORMS": "1",
        "prices-INITIAL_FORMS": "0",
        "prices-2-TOTAL_FORMS": "0",
        "prices-2-INITIAL_FORMS": "0",
        **row,
    }

    answer = operator.post(reverse("admin:usage_llmmodel_change", args=[model.pk]), form)

    model.refresh_from_db()
    assert answer.status_code == 302
    assert model.capabilities == ["tools", "vision"]
    assert ModelPrice.objects.get(is_override=True).output_nano_usd_per_mtok == 400_000_000
    assert ModelPrice.objects.filter(is_override=False).count() == 1


def test_a_provider_of_ones_own_is_added(operator):
    form = {
        "name": "local",
        "display_name": "Local",
        "wire": "openai",
        "base_url": "http://127.0.0.1:11434/v1",
        "default_model": "llama",
        "quirks": "",
        "is_enabled": "on",
    }

    operator.post(reverse("admin:usage_llmprovider_add"), form)

    assert LLMProvider.objects.get(name="local").base_url == "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize("target", ["gpt-4o-mini", "nobody/gpt-4o-mini", "openai/"])
def test_another_name_needs_a_full_name_to_stand_for(operator, catalog, target):
    answer = operator.post(reverse("admin:usage_modelalias_add"), {"name": "mini", "target": target, "reason": ""})

    assert "Give the full name" in answer.content.decode()
    assert not ModelAlias.objects.filter(name="mini").exists()


def widget_form(tenant, **changes):
    return {
        "tenant": tenant.pk,
        "name": "Shop",
        "is_enabled": "on",
        "title": "Ask us",
        "subtitle": "",
        "greeting": "Hello!",
        "placeholder": "",
        "accent_color": "#2f5d50",
        "position": "right",
        "locale": "en",
        "allowed_origins": "",
        "llm_enabled": "on",
        "llm_provider": "auto",
        "llm_model": "",
        "llm_temperature": "0.7",
        "llm_max_tokens": "500",
        "fallback_to_knowledge_base": "on",
        "business_info": "",
        **changes,
    }


def test_a_widget_is_added_and_shows_its_script_tag(operator, alice_tenant):
    origins = "https://shop.example\n\n  https://www.shop.example \n"

    operator.post(reverse("admin:channels_widget_add"), widget_form(alice_tenant, allowed_origins=origins))

    widget = Widget.objects.for_tenant(alice_tenant).get()
    page = operator.get(reverse("admin:channels_widget_change", args=[widget.pk])).content.decode()
    assert widget.allowed_origins == ["https://shop.example", "https://www.shop.example"]
    assert f'src="http://testserver/widget.js" data-widget-key="{widget.key}"' in page.replace("&quot;", '"')


def test_an_origin_with_a_path_is_refused(operator, alice_tenant):
    answer = operator.post(
        reverse("admin:channels_widget_add"), widget_form(alice_tenant, allowed_origins="https://shop.example/cart")
    )

    assert list(answer.context["adminform"].form.errors) == ["allowed_origins"]
    assert not Widget.objects.for_tenant(alice_tenant).exists()


def test_the_preview_warns_when_its_own_address_is_not_allowed(operator, alice_tenant):
    widget = channels.create_widget(alice_tenant, name="Shop", allowed_origins=["https://shop.example"])

    page = operator.get(reverse("admin:channels_widget_preview", args=[widget.pk])).content.decode()

    assert "Add http://testserver to try it here" in page


def entry_form(tenant, **changes):
    return {
        "tenant": tenant.pk,
        "question": "When do you  open?",
        "answer": "At nine.",
        "tags": "hours, shop",
        "locale": "en",
        "widget_id": "",
        "is_enabled": "on",
        **changes,
    }


def test_a_knowledge_entry_is_added_and_moves_the_version(operator, alice_tenant):
    before = knowledge.version_name(alice_tenant.pk)

    operator.post(reverse("admin:knowledge_knowledgeentry_add"), entry_form(alice_tenant))

    entry = KnowledgeEntry.objects.for_tenant(alice_tenant).get()
    assert (entry.question, entry.tags, entry.widget_id) == ("When do you open?", ["hours", "shop"], None)
    assert knowledge.version_name(alice_tenant.pk) != before


def test_an_entry_is_not_limited_to_another_tenants_widget(operator, alice_tenant, mallory_tenant):
    foreign = channels.create_widget(mallory_tenant, name="Mugs")

    answer = operator.post(
        reverse("admin:knowledge_knowledgeentry_add"), entry_form(alice_tenant, widget_id=foreign.pk)
    )

    assert "does not belong to" in answer.content.decode()
    assert not KnowledgeEntry.objects.for_tenant(alice_tenant).exists()


def test_entries_are_taken_out_of_use_together(operator, alice_tenant):
    operator.post(reverse("admin:knowledge_knowledgeentry_add"), entry_form(alice_tenant))
    entry = KnowledgeEntry.objects.for_tenant(alice_tenant).get()
    before = knowledge.version_name(alice_tenant.pk)

    operator.post(
        reverse("admin:knowledge_knowledgeentry_changelist"), {"action": "turn_off", "_selected_action": [entry.pk]}
    )

    entry.refresh_from_db()
    assert not entry.is_enabled
    assert knowledge.version_name(alice_tenant.pk) != before
