"""The benchmarks run; what they measure depends on the machine and is no test."""

import json
import math
import subprocess
import sys
from pathlib import Path

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
    assert "no row or part is called trajektory; allowed: forward 7x7, " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
