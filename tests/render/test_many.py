"""Many scenes at once: none stops the others, what became of them is told, and nothing is left running."""

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_scenes import TINY

from convmotion.render import cli, many
from convmotion.render.cli import main
from convmotion.render.errors import RequestError
from convmotion.render.many import Outcome, render_all, scenes_of
from convmotion.scenes import catalog_names
from tests.render.test_jobs import alive, children, linux, wait_for

SMALL = ["--size", "96x64", "--fps", "2", "--quality", "draft"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with scenes, one of them wrong, one with a name like an option's."""
    monkeypatch.chdir(tmp_path)
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for name in ("a", "b"):
        (scenes / f"{name}.toml").write_text(f'title = "{name}"\n' + TINY)
    (scenes / "wrong.toml").write_text(TINY.replace("kernel_size = 2", "kernel_size = 0"))
    (scenes / "notes.txt").write_text("no scene")
    return tmp_path


def test_folders_files_and_the_catalog_are_found(place):
    inside = ["scenes/a.toml", "scenes/b.toml", "scenes/wrong.toml"]
    assert scenes_of(["scenes"]) == inside
    assert scenes_of(["catalog"]) == catalog_names()
    assert scenes_of(["scenes/b.toml", "standard", "scenes"]) == [inside[1], "standard", inside[0], inside[2]]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", ["'absent'", "catalog"]),
        (".", ["'.'", "no scene files"]),
        ("", ["''", "catalog"]),  # as of a variable that is not set
        ("x" * 300, ["'xxx", "catalog"]),
    ],
)
def test_what_is_no_scene_is_refused(place, name, words):
    with pytest.raises(RequestError) as caught:
        scenes_of([name])
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "gif,avi"], ["--format", "'avi'", "mp4,gif"]),
        (["--format", ""], ["--format", "''"]),
        (["--format", "mp4", "--transparent"], ["out/a.mp4", "no transparency"]),
        (["-o", "scenes/a.toml"], ["-o 'scenes/a.toml'", "File exists"]),
        (["-o", "no/where"], ["-o 'no/where'", "No such file"]),
        (["-o", ""], ["-o", "'' is no folder"]),
        (["more/a.toml"], ["out/a.gif is given twice"]),
        (["--at-once", "0"], ["--at-once"]),
        (["--size", "1x1"], ["--size"]),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_rendered(place, capsys, monkeypatch, words, told):
    monkeypatch.setattr(cli, "render_all", None)
    (place / "more").mkdir()
    (place / "more" / "a.toml").write_text(TINY)
    assert main(["render-all", "scenes", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and all(word in err for word in told), err
    assert not (place / "out").exists()


def test_the_name_of_a_scene_is_no_pattern(place, capsys, monkeypatch):
    """Else %d.png would be a still of every frame."""
    (place / "100 %d.toml").write_text(TINY)
    asked = []
    monkeypatch.setattr(cli, "render_all", lambda commands, *_: asked.extend(commands) or [])
    assert main(["render-all", "100 %d.toml", "--format", "gif,png"]) == 0
    assert asked[0][1][-2:] == ["-oout/100 _d.gif", "-oout/100 _d.png"]


def test_options_are_handed_on_as_they_were(tmp_path):
    parser = argparse.ArgumentParser()
    options = cli._add_look_options(parser)
    assert cli._written(options, parser.parse_args([])) == []
    line = "--size 427x240 --fps 23.976 --frames 3:7 --max-bytes 5MB --lang zh --theme dark --all-cells --transparent"
    line += " --quality draft --engine eevee --workers 3 --cores 2 --whole-frames --cache-size 12GB"
    arguments = parser.parse_args([*line.split(), "--cache", "a b"])
    assert parser.parse_args(cli._written(options, arguments)) == arguments
    assert len(cli._written(options, arguments)) == len(line.split()) + 3  # --chunk 1 for --whole-frames


ACTS = {
    "new": "tell('convmotion progress 0 4 rendering\\n\\r'); tell('convmotion: a note\\n')",
    "stored": "tell('convmotion progress 0 0 rendering\\n')",
    "wrong": "tell('convmotion: wrong: no\\n'); sys.exit(2)",
    "dead": "sys.exit(9)",
}


@pytest.fixture
def acting(monkeypatch):
    """Commands that only say what ACTS makes them say, and wait for each other: so many at a time."""
    running, most = [], []

    def start(command, *words):
        running.append(words[-1])
        most.append(len(running))
        code = f"import sys, time; tell = sys.stderr.write; time.sleep(0.1); {ACTS[words[-1]]}"
        pipes = dict.fromkeys(("stdin", "stderr"), subprocess.PIPE)
        return subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)

    monkeypatch.setattr(many, "_start", start)
    return running, most


def test_what_became_of_each_is_known(acting):
    running, most = acting
    ended = []
    outcomes = render_all([(name, []) for name in ACTS], 2, lambda one: (ended.append(one), running.remove(one.scene)))
    assert outcomes == [
        Outcome("new", 4, ("a note",)),
        Outcome("stored"),
        Outcome("wrong", trouble="wrong: no"),
        Outcome("dead", trouble="it ended with code 9"),
    ]
    assert len(ended) == 4 and max(most) == 2


def test_the_summary_has_a_line_for_each_that_failed(acting, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "scenes_of", lambda names: list(ACTS))
    assert main(["render-all", "catalog"]) == 1
    told = capsys.readouterr()
    assert told.out == "1 rendered, 1 from the store, 2 failed\nfailed: wrong: no\nfailed: dead: it ended with code 9\n"
    assert told.err == "convmotion: new: a note\n"


@pytest.mark.blender
def test_all_but_the_wrong_ones_are_made_and_the_next_time_from_the_store(place, capsys):
    line = ["render-all", "scenes", "--format", "gif,png", "--sheet", "-o", "made", *SMALL]
    wrong = "failed: scenes/wrong.toml: stage 1: "
    assert main(line) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"2 rendered, 0 from the store, 1 failed\n{wrong}") and out.count("\n") == 2 and err == ""
    names = {f"{scene}{ending}" for scene in "ab" for ending in (".gif", ".png", "-sheet.png")}
    assert {path.name for path in Path("made").iterdir()} == names
    (place / "scenes" / "wrong.toml").unlink()
    assert main(line) == 0
    assert capsys.readouterr().out == "0 rendered, 2 from the store, 0 failed\n"


@linux
@pytest.mark.blender
def test_stopping_ends_all_renders_and_leaves_nothing(place):
    (place / "tmp").mkdir()
    line = [sys.executable, "-m", "convmotion.render.cli", "render-all", "standard", "grouped", "--quality", "final"]
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"TMPDIR": str(place / "tmp")}
    process = subprocess.Popen([*line, "-o", "made"], cwd=place, env=environment, text=True, **pipes)
    below = []
    try:
        wait_for(lambda: any(place.joinpath("tmp").rglob("blender.log")))
        below = children(process.pid)
        assert len(below) >= 3  # a command and its workers at least
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (143, "", "convmotion: interrupted\n")
        wait_for(lambda: not any(map(alive, below)), 5)
        assert list((place / "made").iterdir()) == [] == list((place / "tmp").iterdir())
    finally:
        for pid in filter(alive, [process.pid, *below]):
            os.kill(pid, signal.SIGKILL)


def test_a_scene_that_has_not_begun_does_not_begin_once_stopped(acting, monkeypatch):
    begun = threading.Event()

    def stop(outcome):
        begun.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_all([("stored", [])] * 9, 1, stop)
    assert begun.is_set() and len(acting[1]) <= 2


@pytest.mark.blender
def test_a_render_waits_for_the_cores_that_others_hold(place):
    line = [sys.executable, "-m", "convmotion.render.cli", "render", "scenes/a.toml", "-o", "a.gif", "--progress"]
    with cli._here(1, None, lambda: None)._turn():
        process = subprocess.Popen([*line, *SMALL], cwd=place, stderr=subprocess.PIPE, text=True)
        try:
            assert any(told.strip().endswith(" waiting for other renders") for told in process.stderr)
            assert process.poll() is None and len(children(process.pid)) <= 1  # whatever encodes, but no Blender
        except BaseException:
            process.kill()
            raise
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 0 and (place / "a.gif").exists() and "rendering" in err
