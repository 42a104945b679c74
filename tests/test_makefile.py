"""`make catalog`, with a convmotion that only notes what it is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make")

STUB = """#!/bin/sh
echo "$@" >> asked
exit {code}
"""


@pytest.fixture
def catalog(tmp_path):
    """Runs it where the command ends with this code; its own code, and what was asked for."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "constraints").mkdir()
    for name in ("pyproject.toml", "constraints/py311.txt", "constraints/py313.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    program = tmp_path / ".venv" / "bin" / "convmotion"
    program.parent.mkdir(parents=True)
    (tmp_path / ".venv" / ".convmotion-ready").touch()

    def run(code):
        program.write_text(STUB.format(code=code))
        program.chmod(0o755)
        done = subprocess.run(["make", "catalog"], cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, (tmp_path / "asked").read_text().splitlines()

    return run


def test_every_scene_is_rendered_with_its_sheet(catalog):
    code, asked = catalog(0)
    assert code == 0 and asked == ["render-all catalog -o out --sheet --quality draft --size 427x240 --fps 15"]


def test_scenes_that_fail_are_a_failure(catalog):
    code, asked = catalog(1)
    assert code != 0 and len(asked) == 1
