"""What renders changed scenes, with a convmotion that only notes what it is asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (shutil.which("git") and shutil.which("bash")), reason="no git or no bash")

SCENE = '[input]\nshape = [1, 5, 5]\n\n[[stage]]\nop = "Conv2d"\n'
STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word" >> "$ASKED"; done
"""


@pytest.fixture
def repository(tmp_path):
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "-q")
    write(place, "plain.toml", SCENE)
    write(place, "deep/photo.toml", SCENE + 'values = { image = "cat.png" }\n')
    write(place, "deep/cat.png", "a cat")
    write(place, "cat.png", "another cat")
    write(place, "pyproject.toml", "[project]\n")
    write(place, "notes.md", SCENE)
    commit(place)
    return place


def git(place, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def write(place, name, text):
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


def commit(place):
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "a change")


def asked_for(place, base, *options, folder="."):
    """The words with which convmotion was called, and what GitHub is told."""
    program, asked, told = (place.parent / name for name in ("stub", "asked", "told"))
    program.write_text(STUB)
    program.chmod(0o755)
    asked.write_text("")
    told.write_text("")
    environment = {"CONVMOTION": str(program), "ASKED": str(asked), "GITHUB_OUTPUT": str(told), "SCENES": folder}
    script = [str(ROOT / ".ci" / "render-changed"), base, "out", *options]
    subprocess.run(script, cwd=place, env={**os.environ, **environment}, check=True, capture_output=True)
    return asked.read_text().split("\0")[:-1], told.read_text()


def test_only_what_a_change_touches_is_rendered(repository):
    base = git(repository, "rev-parse", "HEAD")
    write(repository, "plain.toml", SCENE + "out_channels = 2\n")
    write(repository, "pyproject.toml", "[project]\nname = 'a'\n")
    commit(repository)
    words, told = asked_for(repository, base, "--quality", "draft")
    assert words == ["render-all", "./plain.toml", "-o", "out", "--quality", "draft"] and told == "count=1\n"


def test_a_scene_is_touched_by_a_change_of_its_picture_only(repository):
    base = git(repository, "rev-parse", "HEAD")
    write(repository, "cat.png", "no scene shows this one")
    commit(repository)
    assert asked_for(repository, base) == ([], "count=0\n")
    write(repository, "deep/cat.png", "a new cat")
    commit(repository)
    assert asked_for(repository, base)[0] == ["render-all", "./deep/photo.toml", "-o", "out"]


@pytest.mark.parametrize("base", ["", "0" * 40, "--help", "no such thing"])
def test_without_a_base_all_are_rendered(repository, base):
    words, told = asked_for(repository, base)
    assert words == ["render-all", "./deep/photo.toml", "./plain.toml", "-o", "out"] and told == "count=2\n"


def test_it_keeps_to_a_folder(repository):
    assert asked_for(repository, "", folder="deep")[0] == ["render-all", "./deep/photo.toml", "-o", "out"]


def test_a_removed_scene_is_none(repository):
    base = git(repository, "rev-parse", "HEAD")
    (repository / "plain.toml").unlink()
    commit(repository)
    assert asked_for(repository, base) == ([], "count=0\n")


ODD = ["-rf.toml", "two words.toml", "a\nb.toml", "$(touch hacked).toml", "卷积.toml", '"q".toml']


@pytest.mark.parametrize("name", ODD)
def test_names_are_names(repository, name):
    base = git(repository, "rev-parse", "HEAD")
    write(repository, name, SCENE)
    commit(repository)
    assert asked_for(repository, base)[0] == ["render-all", f"./{name}", "-o", "out"]
    assert not (repository / "hacked").exists()
