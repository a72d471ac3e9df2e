"""The settings page of the documentation is what the code says."""

from pathlib import Path

from frontdesk.project import reference
from frontdesk.project.configuration import Configuration, variables

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_page_is_current():
    assert PAGE.read_text() == reference.render(), (
        "run: python -m frontdesk.project.reference > docs/reference/settings.md"
    )


def test_every_variable_is_described():
    page = PAGE.read_text()

    assert all(Configuration.model_fields[name].description for name in Configuration.model_fields)
    assert all(f"`{variable}`" in page for name in Configuration.model_fields for variable in variables(name))
