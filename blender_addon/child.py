"""A second Blender, without a window, that runs a function of this package: for work that must not stop the first."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

PACKAGE = __name__.rsplit(".", 2)[0]
"""What this package is called here: convmotion, or its name among Blender's extensions."""

_CODE = """
import importlib, importlib.util, sys
root = {root!r}
if root:
    spec = importlib.util.spec_from_file_location({package!r}, root + "/__init__.py", submodule_search_locations=[root])
    sys.modules[{package!r}] = importlib.util.module_from_spec(spec)
sys.exit(getattr(importlib.import_module({module!r}, {package!r}), {function!r})(*{arguments!r}))
"""
"""It has switched no extension on, so that it does not know this package under its name."""


def command(module: str, function: str, *arguments: object, threads: int = 0) -> list[str]:
    """The command line that calls ``function(*arguments)`` of a module such as ``.render.cli``; it exits with what that
    returns. Nothing of the user's settings is read. ``arguments`` are told by their ``repr``."""
    root = Path(__file__).parents[1]
    inside = (root / "__init__.py").exists()
    code = _CODE.format(
        root=str(root) if inside else "",
        package=PACKAGE,
        module=module,
        function=function,
        arguments=arguments,
    )
    if not bpy.app.binary_path:  # pip's bpy
        return [sys.executable, "-c", code]
    options = ["--background", "--factory-startup", *(["--threads", str(threads)] if threads else [])]
    return [bpy.app.binary_path, *options, "--python-exit-code", "1", "--python-expr", code]
