"""`frontdesk config`: the configuration as it is in force, with secrets masked."""

import argparse
import importlib
import json
import sys
from typing import Any

from frontdesk.gateway.vault import mask
from frontdesk.project import configuration
from frontdesk.project.cli import output
from frontdesk.project.cli.errors import UsageError
from frontdesk.project.configuration import Configuration
from frontdesk.project.errors import ConfigurationError


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration; exit code 0 only if Frontdesk can start with it."""
    try:
        summary = summarise(configuration.load())
    except ConfigurationError as error:
        summary = _invalid(str(error))
    if arguments.as_json:
        output.print_json(summary)
    else:
        output.print_pairs({name: _plain(value) for name, value in summary.items()})
    for sentence in summary["errors"]:
        sys.stderr.write(f"frontdesk: {sentence}\n")
    return 0 if summary["valid"] else 2


def summarise(chosen: Configuration) -> dict[str, Any]:
    """Gather environment, providers, global settings, errors and warnings."""
    errors: list[str] = []
    warnings: list[str] = []
    providers = _environment_keys(chosen)
    try:
        # Only a sound configuration lets Django and the database be loaded.
        stored = importlib.import_module("frontdesk.project.cli.stored_keys").operator_keys()
        providers.update(stored.providers)
        errors.extend(stored.errors)
    except ConfigurationError as error:
        errors.append(str(error))
    except UsageError as error:
        warnings.append(str(error))
    if not providers:
        warnings.append("no provider key is set: customers are answered from the knowledge base alone")
    if chosen.is_production and not chosen.allowed_hosts:
        warnings.append("FRONTDESK_ALLOWED_HOSTS is not set: the console answers on this machine alone")
    if "*" in chosen.allowed_hosts:
        warnings.append("FRONTDESK_ALLOWED_HOSTS contains *: any host name is answered to")
    return {
        "environment": chosen.environment,
        "providers": providers,
        "global_settings": _global_settings(chosen),
        "valid": not errors,
        "errors": errors,
        "warnings": warnings,
    }


def _environment_keys(chosen: Configuration) -> dict[str, dict[str, Any]]:
    return {
        key.provider: {
            "api_key": mask(key.key.get_secret_value()),
            "source": f"environment variable {key.variable}",
            "base_url": key.base_url,
            "organization": key.organization,
            "is_enabled": True,
        }
        for key in chosen.operator_credentials()
    }


def _global_settings(chosen: Configuration) -> dict[str, Any]:
    return {
        "data_dir": str(chosen.data_dir),
        "database": "FRONTDESK_DATABASE_URL"
        if chosen.database_url.get_secret_value()
        else "SQLite in the data directory",
        "host": chosen.host,
        "port": chosen.port,
        "allowed_hosts": list(chosen.effective_hosts()),
        "preferred_provider": chosen.preferred_provider,
        "preferred_model": chosen.preferred_model,
        "master_key": "LLM_MASTER_KEY" if chosen.master_keys else "master.key in the data directory",
        "log_level": chosen.log_level,
    }


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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
