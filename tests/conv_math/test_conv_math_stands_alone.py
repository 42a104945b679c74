"""The folder needs nothing but NumPy and the standard library, and imports under any name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convmotion.conv_math

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "conv_math").glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_modules_import_only_numpy_the_standard_library_and_their_neighbours(module: Path) -> None:
    allowed = {*sys.stdlib_module_names, "numpy"}
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.level == 0 and (node.module or "").partition(".")[0] in allowed)


def test_it_imports_alone_from_the_repositorys_root() -> None:
    code = "import conv_math; print(conv_math.Conv2d(8, 8, 3).num_parameters)"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("584\n", "")


def test_all_public_names_exist() -> None:
    assert len(convmotion.conv_math.__all__) == len(set(convmotion.conv_math.__all__))
    for name in convmotion.conv_math.__all__:
        assert hasattr(convmotion.conv_math, name)
