"""The reference of environment variables, rendered from the configuration itself so that it cannot be outdated.

`python -m frontdesk.project.reference > docs/reference/settings.md` brings the page up to date; a test compares.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from frontdesk.project.configuration import Configuration, variables
from frontdesk.project.llm_variables import LLMVariables
from frontdesk.project.operator_keys import OperatorKeys
from frontdesk.tenants.setting import SettingsSchema

_INTRODUCTION = """# Settings

Frontdesk is configured by environment variables; each tenant then has settings of its own. A variable that is empty
counts as not set. `frontdesk config` shows what is in force, with secrets masked. This page is generated:
`python -m frontdesk.project.reference > docs/reference/settings.md`.
"""


def render() -> str:
    """Write the page in Markdown."""
    operator = [name for name in Configuration.model_fields if name in OperatorKeys.model_fields]
    models = [name for name in Configuration.model_fields if name in LLMVariables.model_fields]
    others = [name for name in Configuration.model_fields if name not in {*operator, *models}]
    return "\n".join(
        [
            _INTRODUCTION,
            "## The process\n",
            *_table(others),
            "",
            "## Models and what they may cost\n",
            "Quotas are the defaults of budgets: `frontdesk budget` changes a single one.\n",
            *_table(models),
            "",
            "## The operator's provider keys\n",
            "They serve every tenant that has no key of its own. A key that was entered in the console or with",
            "`frontdesk provider add` is used before the one from the environment.\n",
            *_table(operator),
            "",
            "## A tenant's settings\n",
            "Shown and changed with `frontdesk tenant settings TENANT --set NAME=JSON`, or in the console. A provider",
            "key is chosen the same way under the name `<provider>_api_key`; it is stored encrypted, shown masked.\n",
            *_tenant_table(),
            "",
        ]
    )


def _table(names: list[str]) -> list[str]:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name in names:
        shown = ", or ".join(f"`{variable}`" for variable in variables(name))
        field = Configuration.model_fields[name]
        lines.append(f"| {shown} | {_default(field.default)} | {field.description} |")
    return lines


def _tenant_table() -> list[str]:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in SettingsSchema.model_fields.items():
        lines.append(f"| `{name}` | {_default(field.default)} | {field.description} |")
    return lines


def _default(value: Any) -> str:
    if isinstance(value, SecretStr) or value in ("", ()):
        return "not set"
    if isinstance(value, Path):
        return f"`./{value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(render())
