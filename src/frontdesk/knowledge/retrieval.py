"""Search in a tenant's knowledge: finds the index of the tenant's current version, building it when it is missing.

The version is read from the database at each search, so that a change made by any process, the console or the
command line is seen at once. Blocking: call it on a database thread.
"""

import shutil
from pathlib import Path

import structlog
from django.conf import settings

from frontdesk.knowledge import index, selectors
from frontdesk.knowledge.index import Hit

__all__ = ["Hit", "published", "search"]

KEPT_VERSIONS = 2
"""Published versions that stay on disk: the newest, and the one that another process may be opening."""

_log = structlog.get_logger()


def search(tenant_id: int, query: str, limit: int = 10, widget_id: int | None = None) -> list[Hit]:
    """Find a tenant's entries for a question, best first; without `widget_id` those of all widgets' only."""
    directory = published(tenant_id)
    if directory is None:
        return []
    try:
        return index.open_index(directory).search(query, limit, widget_id)
    except ValueError as error:
        _log.warning("knowledge_index_damaged", tenant_id=tenant_id, version=directory.name, reason=str(error))
    shutil.rmtree(directory, ignore_errors=True)
    _build(tenant_id, directory)
    return index.Index(directory).search(query, limit, widget_id)


def published(tenant_id: int) -> Path | None:
    """Give the directory of the tenant's current index, built if need be; None when it never had an entry."""
    version = selectors.version_name(tenant_id)
    if version is None:
        return None
    directory = Path(settings.DATA_DIR) / "knowledge" / str(tenant_id) / version
    if not directory.exists():
        _build(tenant_id, directory)
    return directory


def _build(tenant_id: int, directory: Path) -> None:
    index.publish(directory, selectors.enabled_entries(tenant_id))
    versions = [path for path in directory.parent.iterdir() if not path.name.startswith(".")]
    versions.sort(key=lambda path: (path == directory, int(path.name.partition("-")[0])))
    for outdated in versions[:-KEPT_VERSIONS]:
        shutil.rmtree(outdated, ignore_errors=True)
