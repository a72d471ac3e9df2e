import pytest
from django.core.exceptions import ValidationError

from frontdesk.channels import selectors, services
from frontdesk.channels.models import Widget
from frontdesk.gateway import runtime
from frontdesk.tenants.tenancy import TenantRequired


class FakeGateway:
    """A gateway that serves one tenant."""

    def __init__(self, served_tenant_id: int) -> None:
        self.served_tenant_id = served_tenant_id

    def can_serve(self, tenant_id: int, model: str) -> bool:
        return tenant_id == self.served_tenant_id and model == "auto"


@pytest.fixture
def gateway_of_alice(alice_tenant):
    runtime.install(FakeGateway(alice_tenant.pk))
    yield
    runtime.install(None)


def test_a_new_widget_has_a_key_of_its_own_and_sound_defaults(alice_tenant) -> None:
    one = services.create_widget(alice_tenant, name=" Site ")
    other = services.create_widget(alice_tenant, name="Shop")

    assert one.key.startswith("wk_")
    assert len(one.key) == 27
    assert one.key != other.key
    found = Widget.objects.for_tenant(alice_tenant).get(pk=one.pk)
    values = (found.name, found.llm_enabled, found.llm_provider, found.llm_model, found.llm_temperature)
    assert values == ("Site", True, "auto", "auto", 0.7)
    assert (found.llm_max_tokens, found.fallback_to_knowledge_base, found.is_enabled) == (500, True, True)


def test_origins_are_stored_as_browsers_send_them(alice_tenant) -> None:
    typed = ["https://Shop.example/", "https://shop.example:443", "http://localhost:3000"]

    widget = services.create_widget(alice_tenant, name="Site", allowed_origins=typed)

    assert widget.allowed_origins == ["https://shop.example", "http://localhost:3000"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name", ""),
        ("accent_color", "red"),
        ("accent_color", "#fff;x"),
        ("accent_color", "#fff\n"),
        ("position", "top"),
        ("locale", "<b>"),
        ("allowed_origins", ["shop.example"]),
        ("allowed_origins", "https://shop.example"),
        ("allowed_origins", [7]),
        ("llm_temperature", 2.1),
        ("llm_max_tokens", 0),
        ("greeting", "x" * 1_001),
    ],
)
def test_a_refused_setting_is_named_and_nothing_is_stored(alice_tenant, setting: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        services.create_widget(alice_tenant, **{"name": "Site", setting: value})

    assert list(caught.value.message_dict) == [setting]
    assert Widget.objects.for_tenant(alice_tenant).count() == 0


def test_a_key_names_its_widget_and_tenant(alice_tenant, mallory_tenant) -> None:
    hers = services.create_widget(alice_tenant, name="Site")
    services.create_widget(mallory_tenant, name="Mugs")

    found = selectors.widget_by_key(hers.key)

    assert found is not None
    assert (found.pk, found.tenant_id) == (hers.pk, alice_tenant.pk)


@pytest.mark.parametrize("key", ["", "wk_", "wk_" + "a" * 24, "x" * 10_000, "wk_\0" + "a" * 23, "%"])
def test_an_unknown_key_names_nothing(alice_tenant, key: str) -> None:
    assert selectors.widget_by_key(key) is None


def test_a_disabled_widget_and_a_closed_tenant_are_not_found(alice_tenant, mallory_tenant) -> None:
    disabled = services.create_widget(alice_tenant, name="Site", is_enabled=False)
    of_closed = services.create_widget(mallory_tenant, name="Mugs")
    mallory_tenant.is_active = False
    mallory_tenant.save()

    assert selectors.widget_by_key(disabled.key) is None
    assert selectors.widget_by_key(of_closed.key) is None


def test_widgets_cannot_be_listed_without_a_tenant(alice_tenant, mallory_tenant) -> None:
    services.create_widget(mallory_tenant, name="Mugs")

    with pytest.raises(TenantRequired):
        list(Widget.objects.all())
    assert list(Widget.objects.for_tenant(alice_tenant)) == []


def test_the_notice_tells_whether_a_model_answers_here(alice_tenant, mallory_tenant, gateway_of_alice) -> None:
    notice = "No AI provider is connected: answers come from the knowledge base."

    assert selectors.ai_notice(services.create_widget(alice_tenant, name="Site")) is None
    assert selectors.ai_notice(services.create_widget(alice_tenant, name="Off", llm_enabled=False)) == notice
    assert selectors.ai_notice(services.create_widget(mallory_tenant, name="Mugs")) == notice
    assert selectors.ai_connected(alice_tenant)
    assert not selectors.ai_connected(mallory_tenant)
