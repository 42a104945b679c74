"""Measure each row in a process of its own, with one thread, and print the table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby

from . import blender as blender  # every module named here adds its rows
from . import cluster as cluster
from . import conv_math as conv_math
from . import encode as encode
from . import render as render
from .row import ROWS, Result, Row

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What holds NumPy to one thread, if it is set before NumPy is imported."""
HEADINGS = ("row", "what", "reference", "unit", "min", "median", "ref min", "ref median", "ratio", "required")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print one table.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows, or parts such as conv_math; none: all of them")
    parser.add_argument("--rounds", type=int, default=15, help="samples of each side (default: %(default)s)")
    parser.add_argument("--quick", action="store_const", dest="rounds", const=1, help="one sample of each side")
    parser.add_argument("--here", action="store_true", help="in this process, and a line of JSON for each row")
    arguments = parser.parse_args()
    names = set(arguments.names)
    rows = [row for row in ROWS.values() if not names or names & {row.name, row.part}]
    unknown = names.difference(*({row.name, row.part} for row in rows))
    if unknown:
        parser.error(f"no row or part is called {', '.join(sorted(unknown))}; allowed: {', '.join(ROWS)}")
    if arguments.rounds < 1:
        parser.error(f"--rounds={arguments.rounds}; allowed: >= 1")
    if not arguments.here:
        return show(rows, arguments.rounds)
    for row in rows:
        print(json.dumps({"name": row.name, **asdict(row.measure(arguments.rounds))}), flush=True)
    return 0


def show(rows: Sequence[Row], rounds: int) -> int:
    """Print the table, each row as soon as it is measured; 1 if one could not be."""
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {version('numpy')}", end=" ")
    print(f"({kernels()} kernels), ONNX Runtime {version('onnxruntime')}")
    print(f"Both sides in turns, {rounds} rounds; the ratio is that of the minimums.\n")
    widths = [max(map(len, column)) for column in zip(HEADINGS[:4], *map(texts_of, rows), strict=True)]
    print(line_of(HEADINGS, widths), flush=True)
    failures = 0
    for _, members in groupby(rows, lambda row: row.part if row.most == 0 else row.name):
        together = list(members)
        results = measured_apart(together, rounds)
        for row in together:
            failures += row.name not in results
            print(line_of((*texts_of(row), *numbers_of(row, results.get(row.name))), widths), flush=True)
    return int(failures > 0)


def kernels() -> str:
    """For which processor NumPy's OpenBLAS computes, as it says itself; Prescott's are those for one it does not know,
    and several times slower. OPENBLAS_CORETYPE=Haswell or SkylakeX chooses others."""
    command, loud = [sys.executable, "-c", "import numpy"], {**os.environ, "OPENBLAS_VERBOSE": "2"}
    said = subprocess.run(command, env=loud, stderr=subprocess.PIPE, text=True, check=True).stderr
    return next((line.removeprefix("Core: ") for line in said.splitlines() if line.startswith("Core: ")), "unknown")


def measured_apart(rows: Sequence[Row], rounds: int) -> dict[str, Result]:
    """The rows' results from a process of their own; if that fails, it says itself why, and the rest is missing.

    Rows that last for minutes share one, as they share what they have rendered.
    """
    command = [sys.executable, "-m", "bench", "--here", "--rounds", str(rounds), *(row.name for row in rows)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {numbers.pop("name"): Result(**numbers) for numbers in lines}


def texts_of(row: Row) -> tuple[str, str, str, str]:
    return row.name, row.what, row.reference, row.unit


def numbers_of(row: Row, result: Result | None) -> tuple[str, ...]:
    if result is None:
        return ("failed",)
    verdict = f"{row.required}: {'met' if result.meets(row) else 'MISSED'}" if row.required else ""
    return (*(f"{value:.3g}" for value in asdict(result).values()), f"{result.ratio:.3g}x", verdict)


def line_of(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [f"{cell:{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*texts, *(f"{cell:>10}" for cell in cells[4:9]), *cells[9:]]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
