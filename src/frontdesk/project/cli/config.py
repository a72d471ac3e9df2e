"""`frontdesk config`: the configuration as it is in force, with secrets masked."""

import argparse
import sys
from typing import Any

from frontdesk.project.cli import output
from frontdesk.project.errors import ConfigurationError
from frontdesk.project.llm_config import get_llm_config

KEY_COLUMNS = ["provider", "api_key", "label", "source", "base_url", "organization", "priority", "is_enabled"]


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration; exit code 0 only if Frontdesk can start with it."""
    try:
        described = get_llm_config().describe()
    except ConfigurationError as error:
        described = _invalid(str(error))
    if arguments.as_json:
        output.print_json(described)
    else:
        _print(described)
    for sentence in described["errors"]:
        sys.stderr.write(f"frontdesk: {sentence}\n")
    return 0 if described["valid"] else 2


def _print(described: dict[str, Any]) -> None:
    if not described["global_settings"]:
        return
    settings = {name: _plain(value) for name, value in described["global_settings"].items()}
    output.print_pairs({"environment": described["environment"], **settings, "valid": described["valid"]})
    output.print_line("\nprovider keys of the operator, in the order of use")
    rows = [{"provider": name, **key} for name, entry in described["providers"].items() for key in entry["keys"]]
    output.print_table(rows, KEY_COLUMNS, "none")
    for sentence in described["warnings"]:
        output.print_line(f"\nwarning: {sentence}")


def _invalid(error: str) -> dict[str, Any]:
    return {
        "environment": None,
        "providers": {},
        "global_settings": {},
        "valid": False,
        "errors": [error],
        "warnings": [],
    }


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
