"""`make catalog`, with a convmotion that only notes what it is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make")

STUB = """#!/bin/sh
if [ "$1" = list ]; then {listed}; fi
echo "$@" >> asked
case "$2" in broken*) echo "convmotion: no" >&2; exit 1;; esac
"""


@pytest.fixture
def catalog(tmp_path):
    """Runs it where `list` does so; the code, stderr, and what was asked for."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "constraints").mkdir()
    for name in ("pyproject.toml", "constraints/py311.txt", "constraints/py313.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    program = tmp_path / ".venv" / "bin" / "convmotion"
    program.parent.mkdir(parents=True)
    (tmp_path / ".venv" / ".convmotion-ready").touch()

    def run(listed):
        program.write_text(STUB.format(listed=listed))
        program.chmod(0o755)
        done = subprocess.run(["make", "catalog"], cwd=tmp_path, capture_output=True, text=True, check=False)
        asked = tmp_path / "asked"
        return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []

    return run


def test_every_scene_is_rendered_with_its_sheet(catalog):
    code, _, asked = catalog("printf 'one  One: of two\\ntwo  Two: of two\\n'; exit 0")
    assert code == 0 and [line.split()[:6] for line in asked] == [
        ["render", name, "-o", f"out/{name}.gif", "--sheet", f"out/{name}.png"] for name in ("one", "two")
    ]
    assert all("--quality draft --size 427x240" in line for line in asked)


def test_one_scene_that_fails_does_not_stop_the_others_and_is_told(catalog):
    code, err, asked = catalog("printf 'one a\\nbroken b\\nbroken-2 b\\ntwo c\\n'; exit 0")
    assert code != 0 and len(asked) == 4 and "make: not rendered: broken broken-2\n" in err


def test_a_catalog_that_cannot_be_listed_is_a_failure(catalog):
    code, err, asked = catalog("echo 'convmotion: no' >&2; exit 2")
    assert code != 0 and "cannot be listed" in err and not asked
