"""The settings of several processes: what is refused, and why."""

import pytest

from frontdesk.project import configuration
from frontdesk.project.errors import ConfigurationError


def test_one_process_without_redis_is_the_default() -> None:
    chosen = configuration.load({})

    assert (chosen.workers, chosen.redis_url.get_secret_value(), chosen.drain_s, chosen.grace_s) == (1, "", 0.0, 30.0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTDESK_WORKERS", "0"),
        ("FRONTDESK_WORKERS", "-1"),
        ("FRONTDESK_WORKERS", "two"),
        ("FRONTDESK_WORKERS", "1.5"),
        ("FRONTDESK_DRAIN_S", "-1"),
        ("FRONTDESK_DRAIN_S", "nan"),
        ("FRONTDESK_GRACE_S", "inf"),
        ("FRONTDESK_GRACE_S", "-0.5"),
        ("FRONTDESK_REDIS_URL", "http://redis:6379"),
        ("FRONTDESK_BROKER_URL", "redis"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable} is not valid"):
        configuration.load({variable: value})


def test_a_refused_address_keeps_its_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        configuration.load({"FRONTDESK_REDIS_URL": "http://:hunter2hunter2@redis:6379"})

    assert "hunter2" not in str(refused.value)
