"""Other gateways in the same harness, when they are installed; nothing is installed for them."""

import contextlib
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import psutil

from benches.measuring import Endpoint, free_port, running


def litellm_command(python: str) -> str | None:
    """Find LiteLLM's command: beside the Python that was named, else in PATH."""
    if python:
        beside = pathlib.Path(python).parent / "litellm"
        return str(beside) if beside.exists() else None
    return shutil.which("litellm")


@contextlib.contextmanager
def litellm(command: str, upstream: str, folder: pathlib.Path) -> Iterator[tuple[Endpoint, psutil.Process]]:
    """Run LiteLLM's proxy with one worker and a master key."""
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n"
        "  - model_name: gpt-4o-mini\n"
        f"    litellm_params: {{model: openai/gpt-4o-mini, api_base: '{upstream}', api_key: sk-bench}}\n"
        "general_settings: {master_key: sk-bench}\n"
        "litellm_settings: {telemetry: false, set_verbose: false}\n"
    )
    port = free_port()
    arguments = [command, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with running(arguments, folder / "litellm.log", {"LITELLM_LOG": "ERROR", "NO_DOCS": "True"}) as process:
        yield Endpoint(f"http://127.0.0.1:{port}/v1"), process


def portkey_entry(folder: str) -> pathlib.Path | None:
    """Find Portkey's server script: in the folder that was named, else among npm's global packages."""
    roots = [pathlib.Path(folder)] if folder else []
    if not folder and shutil.which("npm"):
        done = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=False)
        roots = [pathlib.Path(done.stdout.strip())]
    for root in roots:
        for package in (root, root / "@portkey-ai/gateway", root / "node_modules/@portkey-ai/gateway"):
            entry = package / "build/start-server.js"
            if entry.exists():
                return entry
    return None


@contextlib.contextmanager
def portkey(entry: pathlib.Path, upstream: str, folder: pathlib.Path) -> Iterator[tuple[Endpoint, psutil.Process]]:
    """Run Portkey's gateway."""
    port = free_port()
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": upstream}
    with running(["node", str(entry), f"--port={port}", "--headless"], folder / "portkey.log") as process:
        yield Endpoint(f"http://127.0.0.1:{port}/v1", headers=headers), process
