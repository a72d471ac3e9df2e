"""The settings reference names every variable that the configuration reads, as generated from its descriptions."""

import pytest

from frontdesk.project import configuration
from tests.architecture import rules

REFERENCE = rules.ROOT / "docs" / "reference" / "settings.md"
VARIABLES = [
    (field, variable)
    for field in configuration.Configuration.model_fields
    for variable in configuration.variables(field)
]


@pytest.mark.parametrize(("field", "variable"), VARIABLES, ids=[variable for _, variable in VARIABLES])
def test_variable_is_in_the_reference(field: str, variable: str) -> None:
    assert f"`{variable}`" in REFERENCE.read_text(encoding="utf-8"), f"{field}: write the settings reference anew"


@pytest.mark.parametrize("field", configuration.Configuration.model_fields)
def test_variable_is_described(field: str) -> None:
    assert (configuration.Configuration.model_fields[field].description or "").strip() != ""
