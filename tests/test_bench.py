"""The benchmarks run; what they measure depends on the machine and is no test."""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from bench import encode, references
from bench.blender import BIG, HUGE, SCRUBBED, board_of, cells_of
from bench.row import ROWS, Row

ROOT = Path(__file__).parents[1]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_row_of_conv_math_gives_finite_numbers() -> None:
    done = bench("conv_math", "--quick", "--here")
    assert done.returncode == 0, done.stderr
    rows = {row.pop("name"): row for row in map(json.loads, done.stdout.splitlines())}
    assert {"forward 7x7", "forward pool", "trajectory", "taps 3x3", "memory 3x3", "import"} <= set(rows)
    for name, numbers in rows.items():
        assert len(numbers) == 4
        assert all(math.isfinite(number) and number > 0 for number in numbers.values()), name
        assert numbers["least"] <= numbers["median"], name


def test_the_table_has_a_line_for_each_row_and_says_what_is_required() -> None:
    done = bench("--rounds", "2", "memory 3x3", "memory 1x1")
    assert done.returncode == 0, done.stderr
    *_, headings, first, second = done.stdout.splitlines()
    assert headings.split()[:5] == ["row", "what", "reference", "unit", "min"]
    assert first.startswith("memory 3x3 ") and second.startswith("memory 1x1 ")
    assert first.endswith("< 1000 kB: met")
    least, _, reference, _, ratio = (float(text.rstrip("x")) for text in first.split(" kB ")[1].split()[:5])
    assert abs(ratio - least / reference) < 0.02


def test_an_unknown_row_is_refused_in_one_line() -> None:
    done = bench("trajektory")
    assert done.returncode == 2
    assert "no row or part is called trajektory; allowed: build 100k, " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_slow_rows_take_fewer_rounds() -> None:
    samples: list[str] = []
    sides = [lambda side=side: samples.append(side) or 1.0 for side in ("ours", "theirs")]
    slow = Row("", "", "", "s", lambda: (sides[0], sides[1]), None, None, most=2)
    assert slow.measure(15).ratio == 1.0
    assert samples == ["ours", "theirs"] * 3, "one for warming up, then two"
    samples.clear()
    slow.measure(1)
    assert samples == ["ours", "theirs"] * 2


SMALL = """
import json
from bench import blender
board, few = blender.board_of(2, 6), blender.board_of(1, 5)
told = {
    "build": blender.seconds_to_build(board),
    "objects": blender.seconds_to_make_objects(board),
    "copy": blender.seconds_to_copy(board),
    "frame": blender.milliseconds_a_frame(few),
    "memory": blender.gigabytes_to_build(2, 6),
}
print(json.dumps(told))
"""


@pytest.mark.blender
def test_what_the_rows_of_blender_measure_works_on_small_scenes() -> None:
    done = subprocess.run([sys.executable, "-c", SMALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert all(math.isfinite(number) and number > 0 for number in told.values()), told
    assert 0.1 < told["memory"] < 2, "gigabytes of a process with Blender in it"


def test_the_rows_of_blender_are_of_the_size_that_they_claim() -> None:
    names = {"build 100k": BIG, "build 1M": HUGE, "memory 1M": HUGE, "frame_set 10k": SCRUBBED}
    for name, size in names.items():
        assert f"{cells_of(board_of(*size)):,} cells" in ROWS[name].what


@pytest.mark.parametrize(("ending", "options"), [(".mp4", encode.X264), (".gif", encode.PALETTE)])
def test_both_encoders_write_films_of_the_same_length(ending: str, options: list[str], tmp_path: Path) -> None:
    tempfile.tempdir, before = str(tmp_path), tempfile.tempdir
    try:
        ours, theirs = encode.samplers(ending, options, 4, (160, 90))
        assert ours() > 0 and theirs() > 0
        films = [next(tmp_path.glob(f"*/{side}{ending}")) for side in ("ours", "theirs")]
        assert imageio.imread(films[0]).shape == imageio.imread(films[1]).shape == (4, 90, 160, 3)
    finally:
        tempfile.tempdir = before


def test_the_pictures_to_encode_differ_from_frame_to_frame() -> None:
    frames = encode.pictures(20)
    changed = (frames[1:] != frames[:-1]).any(axis=3).mean(axis=(1, 2))
    assert frames.shape == (20, 480, 854, 3) and frames.dtype == np.uint8
    assert (changed > 0).all() and (changed < 0.1).all()


def test_matplotlib_makes_a_film_of_the_standard_scene() -> None:
    assert 0 < references.matplotlib_seconds(1) < 60
