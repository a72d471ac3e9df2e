"""The rules of the house as plain functions: each takes text or a tree and lists what breaks the rule."""

import ast
import pathlib
import re
import subprocess
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "frontdesk"

LONGEST_FILE = 500
LONGEST_FUNCTION = 60

_FORBIDDEN_WORDS = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "stuff"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def tracked_files() -> list[pathlib.Path]:
    """List the files that are, or are about to be, under version control; all files where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked source archive
        paths = [
            path for part in ("src", "tests", "benches", "docs", "widget/src") for path in (ROOT / part).rglob("*")
        ]
    return sorted({path for path in paths if path.is_file() and "node_modules" not in path.parts})


def python_files(*folders: str) -> list[pathlib.Path]:
    """List the Python files below folders of the repository, without migrations."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts and "node_modules" not in path.parts)


def name_of(path: pathlib.Path) -> str:
    """Tell a path as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def parse(path: pathlib.Path) -> ast.Module:
    """Read a Python file into its tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def lines_of(text: str) -> int:
    """Count the lines of a file."""
    return len(text.splitlines())


def function_lengths(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Give each function's qualified name and its lines, decorators and docstring left out."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function):
                first = child.lineno
                if ast.get_docstring(child, clean=False) is not None:
                    docstring = child.body[0]
                    first += (docstring.end_lineno or 0) - docstring.lineno + 1
                yield prefix + child.name, (child.end_lineno or 0) - first + 1
            if isinstance(child, _Function | ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(tree, "")


def undocumented(tree: ast.Module) -> list[str]:
    """List the module (as `module`), public classes and public functions that have no docstring."""
    missing = [] if ast.get_docstring(tree) else ["module"]

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.If | ast.Try):
                walk(node.body, prefix)
            if not isinstance(node, _Function | ast.ClassDef) or node.name.startswith("_") or _is_free(node):
                continue
            if not ast.get_docstring(node):
                missing.append(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")

    walk(tree.body, "")
    return missing


def _is_free(node: _Function | ast.ClassDef) -> bool:
    """Tell whether a definition needs no docstring: Django's `Meta`, an override, an overload."""
    if isinstance(node, ast.ClassDef):
        return node.name in ("Meta", "Media")
    names = {getattr(decorator, "id", getattr(decorator, "attr", "")) for decorator in node.decorator_list}
    return bool(names & {"overload", "override"})


def empty_names(text: str) -> list[str]:
    """List the words in a name that say nothing about what it holds."""
    return [word for word in (found.lower() for found in _WORDS.findall(text)) if word in _FORBIDDEN_WORDS]


def defined_names(tree: ast.Module) -> Iterator[str]:
    """Give the names of all classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, _Function | ast.ClassDef):
            yield node.name


_HOMES = re.compile(r"(?<![\w.~>-])/(?:home|Users|root|work|workspace|builds)/[\w.-]+")
_INDEX_HOSTS = re.compile(r"https?://[^\s\"'/]*(?:pypi|registry|artifact|nexus|devpi|mirror)[^\s\"'/]*", re.IGNORECASE)


def local_places(text: str, own_places: tuple[str, ...] = ()) -> list[str]:
    """List paths of somebody's machine and addresses of package registries in a text."""
    found = _HOMES.findall(text)
    found += _INDEX_HOSTS.findall(text)
    return found + [place for place in own_places if re.search(rf"(?<![\w.~/-]){re.escape(place)}(?![\w-])", text)]


def lock_addresses(text: str) -> list[str]:
    """List what ties a lock file to one registry: URLs, index options, npm's `resolved`."""
    lines = text.splitlines()
    return [
        line.strip() for line in lines if re.search(r'https?://(?!.*funding)|--\S*index|--find-links|"resolved"', line)
    ]
