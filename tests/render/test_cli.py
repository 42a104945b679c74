"""The command line: what it refuses, in one line and untouched, and what it makes."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence
from small_scenes import TINY

from convmotion.render import cli, doctor, film, jobs, patches, pictures
from convmotion.render.cli import main
from convmotion.render.errors import RenderError

SMALL = ["--size", "96x64", "--fps", "2", "--quality", "draft"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a scene, an older output, a folder and links. Whoever starts Blender in it fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.toml").write_text(TINY)
    (tmp_path / "wrong.toml").write_text(TINY.replace("kernel_size = 2", "kernel_size = 0"))
    (tmp_path / "old.gif").write_bytes(b"older")
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "link.gif").symlink_to("old.gif")
    (tmp_path / "circle.gif").symlink_to("circle.gif")
    (tmp_path / "nowhere.gif").symlink_to("absent/old.gif")

    def never(*_):
        raise AssertionError("Blender was started")

    monkeypatch.setattr(film, "run", never)
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
        (["explain", "standard", "--fps=--"], ["--fps"]),
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


@pytest.mark.parametrize("flag", ["--cache", "--dask"])
def test_an_empty_word_names_no_place(place, capsys, flag):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", flag, ""])
    assert flag in message and "'' is no" in message


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


PICTURED = TINY.replace("[2, 3, 3]", '[3, 8, 8]\nvalues = { image = "photo.png" }')


@pytest.mark.parametrize("command", [["explain", "pictured.toml"], ["render", "pictured.toml", "-o", "old.gif"]])
def test_a_scene_without_its_picture_is_refused(place, capsys, command):
    (place / "pictured.toml").write_text(PICTURED)
    message = refused(capsys, command)
    assert "pictured.toml: input.values: photo.png cannot be read: no such file" in message
    (place / "photo.png").write_text("no picture")
    assert "photo.png cannot be read: it is no picture" in refused(capsys, command)
    pictures.write(np.zeros((8, 7, 3), np.uint8), place / "photo.png")
    assert "photo.png is 7 x 8 pixels; allowed: at least 8 x 8" in refused(capsys, command)


def test_a_scene_is_drawn_with_its_picture(place, monkeypatch):
    jobs = []
    monkeypatch.setattr(film, "run", lambda job, progress: jobs.append(job))
    monkeypatch.setattr(cli, "_put", lambda made, out: None)
    (place / "pictured.toml").write_text(PICTURED)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pictures.write(pixels, place / "photo.png")
    assert main(["render", "pictured.toml", "-o", "a.blend", *SMALL]) == 0
    assert np.allclose(jobs[0].scene.input.values, pixels.transpose(2, 0, 1) / 255)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody may write in")
def test_a_folder_that_only_seems_writable_is_refused(place, capsys):
    assert "/proc/a.gif" in refused(capsys, ["render", "scene.toml", "-o", "/proc/a.gif"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(place, capsys):
    (place / "locked").mkdir(mode=0o500)
    assert "locked" in refused(capsys, ["render", "scene.toml", "-o", "locked/a.gif"])


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("a.gif", ["a.gif", "allowed are .png"]),
        ("f_%d.png", ["--sheet f_%d.png", "without %"]),
        ("absent/a.png", ["no folder absent"]),
        ("b.png", ["--sheet b.png is given twice"]),
    ],
)
def test_a_wrong_sheet_is_refused(place, capsys, out, words):
    message = refused(capsys, ["render", "scene.toml", "-o", "b.png", "--sheet", out])
    assert all(word in message for word in words), message


def test_new_writes_a_scene_and_says_what_is_next(place, capsys):
    assert main(["new", "mine"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1 and "convmotion render mine.toml -o mine.gif" in out
    assert main(["explain", "mine.toml"]) == 0
    capsys.readouterr()
    assert "'mine.toml' is there already" in refused(capsys, ["new", "mine"])
    assert "'scene.toml' is there already" in refused(capsys, ["new", "scene.toml"])
    assert "NAME" in refused(capsys, ["new"])


@pytest.mark.parametrize("value", ["", "0", "0MB", "5 MB", "-1MB", "5iB", "5Mi", "5M", "5TB", "1e6B", "0.1B", "٥MB"])
def test_a_wrong_limit_of_bytes_is_refused(place, capsys, value):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", f"--max-bytes={value}"])
    assert "--max-bytes" in message and repr(value) in message and "5MB" in message and "5MiB" in message


def test_a_limit_of_bytes_is_for_animations(place, capsys):
    message = refused(capsys, ["render", "scene.toml", "-o", "a.png", "-o", "b.blend", "--max-bytes", "5MB"])
    assert "--max-bytes is for an animation" in message and ".gif" in message


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5MB", 5_000_000),
        ("1.5mb", 1_500_000),
        ("800kB", 800_000),
        ("9B", 9),
        ("5MiB", 5 * 1024 * 1024),
        ("1.5KiB", 1536),
        ("1GiB", 1024**3),
        ("2gb", 2 * 1000**3),
        ("123456", 123_456),
    ],
)
def test_a_limit_of_bytes_reaches_whoever_writes(place, monkeypatch, text, number):
    given = []
    monkeypatch.setattr(film, "run", grey)
    monkeypatch.setattr(film.encode, "encode", lambda *_, **how: given.append(how["max_bytes"]) or [])
    assert main(["render", "scene.toml", "-o", "a.gif", *SMALL, "--max-bytes", text]) == 0
    assert given == [number]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "a.webm", "--codec", "h264"], ["--codec", "'h264'", "vp9", "av1"]),
        (["-o", "a.mp4", "--codec", "av1"], ["--codec is for a .webm", "-o OUT with .webm"]),
        (["-o", "a.webm", "--codec", "av1", "--transparent"], ["--codec av1 has no transparency", ": vp9"]),
    ],
)
def test_a_codec_that_cannot_be_is_refused(place, capsys, options, words):
    message = refused(capsys, ["render", "scene.toml", *options])
    assert all(word in message for word in words), message


def test_a_codec_that_this_ffmpeg_lacks_is_refused_before_anything_is_rendered(place, capsys, monkeypatch):
    monkeypatch.setattr(film.encode, "_encoders", lambda: frozenset({"libvpx-vp9"}))
    message = refused(capsys, ["render", "scene.toml", "-o", "a.webm", "--codec", "av1"])
    assert "--codec is av1" in message and "allowed: vp9" in message


@pytest.mark.parametrize(("options", "codec"), [([], "vp9"), (["--codec", "av1"], "av1")])
def test_a_codec_reaches_whoever_writes(place, monkeypatch, options, codec):
    given = []
    monkeypatch.setattr(film, "run", grey)
    monkeypatch.setattr(film.encode, "encode", lambda *_, **how: given.append(how["codec"]) or [])
    assert main(["render", "scene.toml", "-o", "a.webm", *SMALL, *options]) == 0
    assert given == [codec]


@pytest.mark.parametrize("out", ["a.mp4", "A.MP4"])
def test_what_has_no_transparency_is_refused_where_it_is_wanted(place, capsys, out):
    message = refused(capsys, ["render", "scene.toml", "-o", "b.gif", "-o", out, "--transparent"])
    assert f"-o {out}: .mp4 has no transparency; allowed with --transparent: .gif .webm .webp .png .blend" in message


@pytest.mark.parametrize("twice", ["old.gif", "./old.gif", "folder.gif/../old.gif", "link.gif"])
def test_the_same_output_twice_is_refused_by_its_name(place, capsys, twice):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", "-o", twice, "-o", "other.gif"])
    assert f"-o {Path(twice)} is given twice" in message


def test_too_much_is_refused_with_its_number(place, capsys):
    common = ["-o", "old.gif"]
    message = refused(capsys, ["op", "nn.Conv2d(1, 1, 1)", "--input", "1x100000x100000", "--all-cells", *common])
    assert "20,000,000,001 cells" in message and "5,000,000" in message
    (place / "long.toml").write_text(TINY.replace("seconds = 2", "seconds = 3600"))
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
    monkeypatch.setattr(film, "run", lambda job, progress: jobs.append(job))
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

    monkeypatch.setattr(film, "run", fail)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    assert words in refused(capsys, ["render", "scene.toml", "-o", "old.gif"], code)


def test_a_missing_library_is_no_wrong_request(place, capsys, monkeypatch):
    missing = [doctor.Library("libX11.so.6", "libx11-6")]
    monkeypatch.setattr(doctor, "missing_libraries", lambda: missing)
    assert "libX11.so.6" in refused(capsys, ["render", "scene.toml", "-o", "old.gif"], 1)


def grey(job, _):
    """Every shot as if it was rendered, and every .blend."""
    width, height = job.size
    for shot in (shot for row in job.shots for shot in row):
        channels = 4 if shot.layer == "notes" else 3
        pixels = np.full((height, width, channels), 0 if channels == 4 else 99, np.uint8)
        patches.write([((0, 0, width, height), pixels)], job.path(shot.key))
    for blend in job.blends:
        blend.write_bytes(b"scene")


@pytest.mark.parametrize("name", ["old.png", "old.blend"])
def test_an_output_that_cannot_be_finished_leaves_the_older_one(place, capsys, monkeypatch, name):
    def full(_, target):
        Path(target).write_bytes(b"pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(film, "run", grey)
    monkeypatch.setattr(cli.shutil, "copyfile", full)
    monkeypatch.setattr(pictures, "write", full)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    (place / name).write_bytes(b"older picture")
    assert name in refused(capsys, ["render", "scene.toml", "-o", name, "--size", "96x64"], 1)
    assert (place / name).read_bytes() == b"older picture"


def test_a_still_goes_where_a_link_leads(place, monkeypatch):
    monkeypatch.setattr(film, "run", grey)
    monkeypatch.setattr(doctor, "require_libraries", lambda **_: None)
    (place / "there.png").write_bytes(b"older picture")
    (place / "here.png").symlink_to("there.png")
    assert main(["render", "scene.toml", "-o", "here.png", "--size", "96x64"]) == 0
    assert (imageio.imread(place / "there.png")[:8] == 99).all() and (place / "here.png").is_symlink()


@pytest.mark.parametrize("value", ["0", "100", "abc", "-1", "1.5", ""])
def test_a_wrong_chunk_is_refused(place, capsys, value):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", f"--chunk={value}"])
    assert "--chunk" in message and repr(value) in message and "from 1 to 99" in message


def test_whole_frames_are_no_chunks(place, capsys):
    message = refused(capsys, ["render", "scene.toml", "-o", "old.gif", "--whole-frames", "--chunk", "10"])
    assert "--whole-frames" in message and "--chunk" in message


def test_chunks_begin_where_they_do_whatever_is_wanted_and_whoever_works(place, monkeypatch):
    planned = []
    monkeypatch.setattr(film, "run", lambda job, progress: (grey(job, progress), planned.append(job.shots)))
    for more in ([], ["--workers", "3"], ["--frames", "5:7"], ["--frames", "20:20", "--workers", "2"]):
        assert main(["render", "scene.toml", "-o", "f_%d.png", *SMALL, "--fps", "12", "--chunk", "10", *more]) == 0
    first, again, *parts = planned
    assert first == again and len(first) > 1
    for rows in parts:
        assert all(any(set(row) <= set(other) for other in first) for row in rows)


def test_frames_in_the_store_need_no_blender(place, monkeypatch):
    line = ["render", "scene.toml", "-o", "f_%d.png", *SMALL, "--cache", "kept"]

    def keep(job, progress):
        grey(job, progress)
        for shot in (shot for row in job.shots for shot in row):
            job.store.put(shot.key, job.path(shot.key))

    monkeypatch.setattr(film, "run", keep)
    assert main(line) == 0
    monkeypatch.setattr(film, "run", jobs.run)
    monkeypatch.setattr(jobs, "ProcessPoolExecutor", None)
    assert main(line) == 0
    assert main([*line, "--frames", "2:3"]) == 0


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
    (place / "odd\udcff.toml").write_text(TINY)
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
    (tmp_path / "scene.toml").write_text(TINY)
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


LONGER = TINY.replace("seconds = 2", "seconds = 4")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The pictures, and the store, of a render with these options; each is made once."""
    made = {}

    def render(*options, scene=LONGER, size="96x64"):
        key = (*options, scene, size)
        if key not in made:
            folder = tmp_path_factory.mktemp("rendered")
            (folder / "scene.toml").write_text(scene)
            line = ["render", str(folder / "scene.toml"), "-o", str(folder / "f_%02d.png"), "--size", size]
            assert main([*line, "--cache", str(folder / "kept"), *options]) == 0
            made[key] = folder
        return made[key]

    return render


def frames(folder):
    return [path.read_bytes() for path in sorted(folder.glob("f_*.png"))]


def kept(folder):
    """What is in the store, and which file it is."""
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in (folder / "kept").rglob("*.patch")}


DRAFT = ("--fps", "8", "--quality", "draft")


THROUGH = ("--transparent",)


JOURNEY = """
[input]
shape = [2, 4, 4]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
[[stage]]
op = "Flatten"
[time]
seconds = 5
[look]
camera = "dolly"
"""


@pytest.mark.blender
@pytest.mark.parametrize("size", ["96x64", "64x96"])
def test_a_draft_of_a_travelling_camera_is_the_same_as_of_whole_frames(rendered, size):
    whole, parts = (
        frames(rendered(*DRAFT, *how, scene=JOURNEY, size=size)) for how in (["--whole-frames"], ["--chunk", "60"])
    )
    assert whole == parts
    assert len(set(whole)) > 25


@pytest.mark.blender
@pytest.mark.parametrize(("chunk", "more"), [("10", ()), ("40", ()), ("40", THROUGH)])
def test_a_draft_of_differences_is_the_same_as_of_whole_frames(rendered, chunk, more):
    assert frames(rendered(*DRAFT, "--chunk", chunk, *more)) == frames(rendered(*DRAFT, "--whole-frames", *more))


def read(path):
    """A picture, what is seen through as black as it is transparent."""
    pixels = imageio.imread(path).astype(float)
    return pixels if pixels.shape[2] == 3 else np.dstack([pixels[..., :3] * (alpha := pixels[..., 3:]) / 255, alpha])


STANDARD = ("--fps", "4", "--quality", "standard")


@pytest.mark.blender
@pytest.mark.parametrize(("more", "scene"), [((), LONGER), (THROUGH, LONGER), ((), JOURNEY)])
def test_differences_look_like_whole_frames(rendered, more, scene):
    whole, parts = (rendered(*STANDARD, *how, *more, scene=scene) for how in (["--whole-frames"], ["--chunk", "40"]))
    for a, b in zip(sorted(whole.glob("f_*")), sorted(parts.glob("f_*")), strict=True):
        off = read(a) - read(b)
        blocks = off.reshape(8, 8, 12, 8, -1).mean(axis=(1, 3))
        assert np.abs(off).mean() < 1.5 and np.abs(blocks).max() < 12, (
            a.name,
            np.abs(off).mean(),
            np.abs(blocks).max(),
        )


@pytest.mark.blender
@pytest.mark.parametrize(("look", "off"), [(DRAFT, 3), ((*STANDARD, "--chunk", "40"), 12)])
def test_what_is_transparent_looks_the_same_but_for_what_is_behind_it(rendered, look, off):
    opaque, through = rendered(*look), rendered(*look, *THROUGH)
    for a, b in zip(sorted(opaque.glob("f_*")), sorted(through.glob("f_*")), strict=True):
        ground, layer = imageio.imread(a), imageio.imread(b)
        alpha = layer[..., 3]
        assert layer.shape == (64, 96, 4) and not alpha[-1].any() and (alpha == 0).mean() > 0.4
        assert 0.02 < (alpha == 255).mean() < 0.4
        assert np.median(np.abs(ground[alpha == 255].astype(int) - layer[alpha == 255, :3]).max(axis=1)) <= off


@pytest.mark.blender
def test_gif_webm_and_webp_are_seen_through_where_the_pictures_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.toml").write_text(LONGER)
    outputs = [word for name in ("a.gif", "a.webm", "a.webp", "f_%02d.png", "still.png") for word in ("-o", name)]
    assert main(["render", "scene.toml", *outputs, "--size", "160x90", "--fps", "4", *DRAFT[2:], *THROUGH]) == 0
    wanted = np.array([imageio.imread(path)[..., 3] for path in sorted(tmp_path.glob("f_*"))])
    clear, solid = wanted == 0, wanted == 255
    assert clear.mean() > 0.5 and solid.mean() > 0.05 and imageio.imread("still.png").shape == (90, 160, 4)
    decode = ["-loglevel", "error", "-c:v", "libvpx-vp9", "-i", "a.webm", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    raw = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *decode], capture_output=True, check=True).stdout
    webm = np.frombuffer(raw, np.uint8).reshape(-1, 90, 160, 4)[..., 3]
    assert webm.shape == wanted.shape and (webm[clear] < 40).mean() > 0.99 and (webm[solid] > 215).mean() > 0.99
    with Image.open("a.gif") as animation:
        moments = [(image.convert("RGBA"), image.info["duration"]) for image in ImageSequence.Iterator(animation)]
    gif = np.concatenate([np.repeat(np.array(shown)[None, ..., 3], stays // 10, axis=0) for shown, stays in moments])
    gif = gif[::25]  # of the hundredths of a second
    assert gif.shape == wanted.shape and set(np.unique(gif)) == {0, 255}
    assert not gif[clear].any() and (gif[solid] == 255).all()
    webp = imageio.imread("a.webp", plugin="pillow", index=0, mode="RGBA")[..., 3]
    assert (webp[clear[0]] < 40).mean() > 0.99 and (webp[solid[0]] > 215).mean() > 0.99


@pytest.mark.blender
def test_some_frames_are_those_of_all_frames(rendered):
    every = frames(rendered(*DRAFT, "--chunk", "10"))
    assert frames(rendered(*DRAFT, "--chunk", "10", "--frames", "5:7")) == every[4:7]


@pytest.mark.blender
def test_a_damaged_patch_is_rendered_again_as_it_was(rendered):
    folder = rendered(*DRAFT, "--chunk", "10")
    before, pictured = kept(folder), frames(folder)
    name = sorted(before)[len(before) // 2]
    path = folder / "kept" / name[:2] / name
    path.write_bytes(before[name][0][:-1] + bytes([before[name][0][-1] ^ 1]))
    line = ["render", str(folder / "scene.toml"), "-o", str(folder / "f_%02d.png"), "--size", "96x64", *DRAFT]
    assert main([*line, "--chunk", "10", "--cache", str(folder / "kept")]) == 0
    after = kept(folder)
    assert frames(folder) == pictured and after[name][0] == before[name][0]
    assert {k: v for k, v in after.items() if k != name} == {k: v for k, v in before.items() if k != name}


@pytest.mark.blender
@pytest.mark.skipif(sys.platform == "win32", reason="ends a process as Unix does")
def test_after_a_kill_only_what_is_missing_is_rendered(rendered, tmp_path):
    calm = rendered(*DRAFT, "--chunk", "10")
    (tmp_path / "scene.toml").write_text(LONGER)
    (tmp_path / "tmp").mkdir()
    line = ["render", "scene.toml", "-o", "f_%02d.png", "--size", "96x64", *DRAFT, "--chunk", "10", "--cache", "kept"]
    program = [sys.executable, "-m", "convmotion.render.cli", *line]
    process = subprocess.Popen(program, cwd=tmp_path, env=os.environ | {"TMPDIR": str(tmp_path / "tmp")})
    while len(kept(tmp_path)) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(0.5)  # its workers end by themselves
    before = kept(tmp_path)
    assert 4 <= len(before) < len(kept(calm)) and frames(tmp_path) == []
    assert command(*line, cwd=tmp_path).returncode == 0
    after = kept(tmp_path)
    assert {name: after[name] for name in before} == before
    assert {name: data for name, (data, _) in after.items()} == {name: data for name, (data, _) in kept(calm).items()}
    assert frames(tmp_path) == frames(calm)


@pytest.mark.blender
def test_a_program_is_told_in_lines_how_far_it_is_and_the_store_keeps_to_its_size(place, monkeypatch):
    monkeypatch.undo()
    line = ["render", "scene.toml", "-o", "a.gif", *SMALL, "--cache", "kept"]
    done = command(*line, "--progress", cwd=place)
    told = [text for text in done.stderr.splitlines() if text.startswith("convmotion progress ")]
    counts = [tuple(map(int, text.split()[2:4])) for text in told]
    assert done.returncode == 0 and counts[0][0] == 0 and counts == sorted(counts)
    assert len({total for _, total in counts}) == 1 and counts[-1][0] == counts[-1][1] > 0
    assert len(kept(place)) > 0
    assert command(*line, "--cache-size", "1B", cwd=place).stderr == "" and len(kept(place)) == 0
