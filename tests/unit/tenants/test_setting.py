"""A tenant's settings: complete, bounded, and refused with the valid names."""

import pytest
from django.core.exceptions import ValidationError

from frontdesk.tenants import setting


def test_nothing_chosen_means_all_defaults():
    chosen = setting.parse({})

    assert (chosen.temperature, chosen.max_tokens, chosen.knowledge_confidence_threshold) == (0.7, 500, 0.85)
    assert (chosen.enable_llm, chosen.fallback_to_knowledge_base) == (True, True)
    assert (chosen.default_model, chosen.timezone) == ("", "UTC")


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"temperature": True},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"knowledge_confidence_threshold": -0.01},
        {"default_reply": ""},
        {"persona": "x" * 4001},
        {"business_name": 7},
        {"enable_llm": 1},
        {"timezone": "../etc/passwd"},
        {"timezone": ""},
    ],
)
def test_value_out_of_bounds_or_of_another_type_is_refused(values):
    with pytest.raises(ValidationError) as refusal:
        setting.parse(values)

    assert refusal.value.messages[0].startswith(f"setting {next(iter(values))}: ")


def test_all_faults_are_told_at_once():
    with pytest.raises(ValidationError) as refusal:
        setting.parse({"temperature": 9, "max_tokens": 0, "colour": "red"})

    assert len(refusal.value.messages) == 3


def test_texts_lose_the_nul_that_postgresql_refuses():
    chosen = setting.parse({"persona": "a\0b", "default_reply": "\0c"})

    assert (chosen.persona, chosen.default_reply) == ("ab", "c")
