"""The command line: what it refuses, in one line and untouched, and what it makes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest

from convmotion.render import cli, doctor
from convmotion.render.cli import main
from convmotion.render.errors import RenderError

SCENE = """
[input]
shape = [2, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
[time]
seconds = 2
"""
SMALL = ["--size", "96x64", "--fps", "2", "--quality", "draft"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a scene, an older output, a folder and links. Whoever starts Blender in it fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.toml").write_text(SCENE)
    (tmp_path / "wrong.toml").write_text(SCENE.replace("kernel_size = 2", "kernel_size = 0"))
    (tmp_path / "old.gif").write_bytes(b"older")
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "link.gif").symlink_to("old.gif")
    (tmp_path / "circle.gif").symlink_to("circle.gif")
    (tmp_path / "nowhere.gif").symlink_to("absent/old.gif")

    def never(*_):
        raise AssertionError("Blender was started")

    monkeypatch.setattr(cli, "run", never)
    return tmp_path


def tell(folder):
    return {p.name: p.lstat().st_size for p in folder.rglob("*")}


def refused(capsys, arguments, code=2):
    """The one line on stderr."""
    before = tell(Path())
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("convmotion: ") and err.count("\n") == 1 and err.endswith("\n")
    assert tell(Path()) == before and (not Path("old.gif").exists() or Path("old.gif").read_bytes() == b"older")
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["paint"], ["'paint'", "list", "explain", "render", "op", "doctor"]),
        (["rend", "scene.toml"], ["'rend'"]),
        (["list", "--xml"], ["--xml"]),
        (["list", "--lang", "de"], ["--lang", "'de'", "en", "zh"]),
        (["explain"], ["SCENE"]),
        (["explain", "nothing"], ["'nothing'", "standard, grouped"]),
        (["explain", "absent.toml"], ["absent.toml", "no such file"]),
        (["explain", "wrong.toml"], ["wrong.toml: stage 1: ", "kernel_size=0"]),
        (["explain", "two\nlines.toml"], ["two lines.toml"]),
        (["explain", "standard", "--fps", "nan"], ["--fps", "'nan'"]),
        (["render", "scene.toml"], ["-o"]),
        (["render", "-o", "a.gif"], ["SCENE"]),
        (["render", "scene.toml", "-o"], ["-o"]),
        (["render", "scene.toml", "more", "-o", "a.gif"], ["more"]),
        (["render", "wrong.toml", "-o", "old.gif"], ["wrong.toml: stage 1: "]),
        (["render", "scene.toml", "--outp", "a.gif"], ["-o"]),
        (["op", "nn.Conv2d(8, 8, 3)", "-o", "a.gif"], ["--input"]),
        (["op", "nn.Conv2d(8, 8, x)", "--input", "8x7x7", "-o", "old.gif"], ["op: 'x'", "kernel_size"]),
        (["op", "nn.Conv2d(8, 8, 3)", "--input", "8x2x2", "-o", "old.gif"], ["op: layer 1: ", "kernel_size=3"]),
    ],
)
def test_a_wrong_command_is_refused(place, capsys, arguments, words):
    message = refused(capsys, arguments)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--size", v) for v in ("1x1", "0x0", "63x64", "64x64x64", "854", "854X480", "99999x64", "7681x64", "nan", "")]
    + [("--size", v) for v in ("８５４x４８０", " 854x480", "854x480\n", "1e3x1e3")]
    + [("--fps", v) for v in ("nan", "inf", "0", "-1", "1e9", "0.5", "", "x", "３０", "1_0", "121", "0x10", " 30")]
    + [
        ("--frames", v)
        for v in ("1", "1:", "0:1", "5:1", ":", "1:99999999999", "a:b", "１:２", "1:2:3", "1:2\n", "9:61")
    ]
    + [("--quality", "best"), ("--lang", "de"), ("--theme", "pink"), ("--engine", "gl"), ("--device", "tpu")]
    + [("--colour", "red")],
)
def test_a_wrong_flag_is_refused(place, capsys, flag, value):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", flag, value])
    assert flag in message and (" ".join(value.split()) in message)


@pytest.mark.parametrize(
    "shape",
    ["8", "8x7", "0x7x7", "8x7x7x7x7", "8x-7x7", "８x7x7", "8x7.0x7", "8*7*7", "8x7x7\n", "", "9" * 40 + "x7x7"],
)
def test_a_wrong_input_shape_is_refused(place, capsys, shape):
    message = refused(capsys, ["op", "nn.Conv2d(8, 8, 3)", "-o", "old.gif", f"--input={shape}"])
    assert "--input" in message and "8x7x7" in message


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("a.avi", ["'.avi'", ".mp4", ".blend"]),
        ("a", ["no ending", ".gif"]),
        ("", ["no ending"]),
        ("/dev/null", ["no ending"]),
        ("absent/a.gif", ["no folder absent"]),
        ("scene.toml/a.gif", ["scene.toml is a file"]),
        ("folder.gif", ["is a folder"]),
        ("frame_%q.png", ["no pattern"]),
        ("circle.gif", ["circle.gif"]),
        ("nowhere.gif", ["nowhere.gif"]),
        ("x" * 300 + ".gif", ["cannot be written"]),
    ],
)
def test_a_wrong_output_is_refused(place, capsys, out, words):
    for outputs in (["-o", out], ["-o", "old.gif", "-o", out]):
        message = refused(capsys, ["render", "scene.toml", *outputs])
        assert all(word in message for word in words), message


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody may write in")
def test_a_folder_that_only_seems_writable_is_refused(place, capsys):
    assert "/proc/a.gif" in refused(capsys, ["render", "scene.toml", "-o", "/proc/a.gif"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(place, capsys):
    (place / "locked").mkdir(mode=0o500)
    assert "locked" in refused(capsys, ["render", "scene.toml", "-o", "locked/a.gif"])


@pytest.mark.parametrize("twice", ["old.gif", "./old.gif", "folder.gif/../old.gif", "link.gif"])
def test_the_same_output_twice_is_refused_by_its_name(place, capsys, twice):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", "-o", twice, "-o", "other.gif"])
    assert f"-o {Path(twice)} is given twice" in message


def test_too_much_is_refused_with_its_number(place, capsys):
    common = ["-o", "old.gif"]
    message = refused(capsys, ["op", "nn.Conv2d(1, 1, 1)", "--input", "1x100000x100000", "--all-cells", *common])
    assert "20,000,000,001 cells" in message and "5,000,000" in message
    (place / "long.toml").write_text(SCENE.replace("seconds = 2", "seconds = 3600"))
    message = refused(capsys, ["render", "long.toml", "--fps", "61", *common])
    assert "219,600 frames" in message and "216,000" in message


def test_what_does_not_fit_in_memory_is_refused(place, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "memory_bytes", lambda: 2_000_000_000)
    line = ["op", "nn.Conv2d(1, 1, 1)", "--input", "1x1000x1000", "-o", "old.gif", "--all-cells"]
    message = refused(capsys, line)
    assert "2,000,001 cells" in message and "5.0 GB" in message and "2.0 GB" in message
    with pytest.raises(AssertionError, match="Blender was started"):
        main(line[:-1])
    monkeypatch.setattr(doctor, "memory_bytes", lambda: None)
    with pytest.raises(AssertionError, match="Blender was started"):
        main(line)


@pytest.mark.parametrize("all_cells", [False, True])
def test_all_cells_is_for_whoever_draws_and_for_the_memory_that_it_takes(place, monkeypatch, all_cells):
    jobs = []
    monkeypatch.setattr(cli, "run", lambda job, progress: jobs.append(job))
    monkeypatch.setattr(doctor, "cores", lambda: 64)
    monkeypatch.setattr(doctor, "memory_bytes", lambda: 4_000_000_000)
    monkeypatch.setattr(cli, "_put", lambda made, out: None)
    option = ["--all-cells"] if all_cells else []
    main(["op", "nn.Conv2d(1, 1, 1)", "--input", "1x400x400", "-o", "a.blend", *SMALL, *option])
    assert jobs[0].all_cells is all_cells
    assert jobs[0].workers == (3 if all_cells else 7)


def test_a_device_is_for_cycles_only(place, capsys):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", "--device", "gpu", "--engine", "workbench"])
    assert "--device is gpu" in message and "allowed: auto" in message


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RenderError("Blender\ndied"), 1, "Blender died"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (MemoryError(), 1, "MemoryError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_fails_has_its_exit_code_and_one_line(place, capsys, monkeypatch, error, code, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "run", fail)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    assert words in refused(capsys, ["render", "scene.toml", "-o", "old.gif"], code)


def test_a_missing_library_is_no_wrong_request(place, capsys, monkeypatch):
    missing = [doctor.Library("libX11.so.6", "libx11-6")]
    monkeypatch.setattr(doctor, "missing_libraries", lambda: missing)
    assert "libX11.so.6" in refused(capsys, ["render", "scene.toml", "-o", "old.gif"], 1)


def test_an_output_that_cannot_be_finished_leaves_the_older_one(place, capsys, monkeypatch):
    def make(job, _):
        for _, path, _ in job.frames:
            path.write_bytes(b"picture")

    def full(source, target):
        Path(target).write_bytes(b"pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "run", make)
    monkeypatch.setattr(cli.shutil, "copyfile", full)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    (place / "old.png").write_bytes(b"older picture")
    assert "old.png" in refused(capsys, ["render", "scene.toml", "-o", "old.png"], 1)
    assert (place / "old.png").read_bytes() == b"older picture"


def test_a_still_goes_where_a_link_leads(place, monkeypatch):
    def make(job, _):
        for _, path, _ in job.frames:
            path.write_bytes(b"picture")

    monkeypatch.setattr(cli, "run", make)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    (place / "there.png").write_bytes(b"older picture")
    (place / "here.png").symlink_to("there.png")
    assert main(["render", "scene.toml", "-o", "here.png"]) == 0
    assert (place / "there.png").read_bytes() == b"picture" and (place / "here.png").is_symlink()


def test_list_and_explain_print_json_and_nothing_else(place, capsys):
    assert main(["list", "--json", "--lang", "zh"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert err == "" and rows[0] == {"name": "standard", "title": "标准卷积"} and len(rows) >= 6
    assert main(["explain", "standard", "--json", "--fps", "10"]) == 0
    out, err = capsys.readouterr()
    table = json.loads(out)
    assert err == "" and table["stages"][0]["output"] == [8, 5, 5]
    assert (table["parameters"], table["frames"]) == (576, 120)


def test_list_and_explain_speak_to_people(place, capsys):
    assert main(["list"]) == 0
    assert "grouped" in capsys.readouterr().out
    assert main(["explain", "depthwise-separable", "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("深度可分离卷积\n") and "8 × 7 × 7 -> 8 × 5 × 5" in out and "136" in out


def test_titles_do_not_fail_where_the_terminal_lacks_their_letters(place, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["list", "--lang", "zh"]) == 0
    assert rb"\u6807\u51c6\u5377\u79ef" in written.getvalue()
    (place / "odd\udcff.toml").write_text(SCENE)
    assert main(["explain", "odd\udcff.toml"]) == 0


def command(*arguments, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run([sys.executable, "-m", "convmotion.render.cli", *arguments], text=True, **pipes | options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_cannot_be_printed_is_told_once(buffered):
    environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
    with Path("/dev/full").open("w") as full:
        told = command("list", stdout=full, env=environment)
    assert told.returncode == 1
    assert told.stderr.startswith("convmotion: ") and told.stderr.count("\n") == 1


@pytest.mark.blender
def test_every_kind_of_output_comes_out_of_one_run(tmp_path):
    (tmp_path / "scene.toml").write_text(SCENE)
    names = ["a.gif", "b.MP4", "c.webm", "d.webp", "e.png", "f_%02d.png", "g.blend"]
    (tmp_path / "a.gif").write_bytes(b"older")
    outputs = [word for name in names for word in ("-o", name)]
    done = command("render", "scene.toml", *outputs, *SMALL, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert all(line.startswith("convmotion: ") for line in done.stderr.splitlines())  # notes of ours, none of Blender's
    frames = [f"f_{number:02d}.png" for number in (1, 2, 3, 4)]
    made = {"a.gif", "b.MP4", "c.webm", "d.webp", "e.png", "g.blend", "scene.toml", *frames}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert imageio.imread(tmp_path / "e.png").shape == (64, 96, 3)
    assert len(imageio.imread(tmp_path / "a.gif", index=None)) == 4
    poster = (tmp_path / "e.png").read_bytes()
    assert poster in [(tmp_path / name).read_bytes() for name in frames]


@pytest.mark.blender
def test_a_still_of_one_frame_is_that_frame(tmp_path):
    line = ["op", "nn.Conv2d(2, 2, 2)", "--input", "2x3x3", *SMALL]
    done = command(*line, "--frames", "3:3", "-o", "still.png", "-o", "f_%d.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f_1.png", "still.png"]
    assert (tmp_path / "still.png").read_bytes() == (tmp_path / "f_1.png").read_bytes()
