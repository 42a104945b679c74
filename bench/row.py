"""What a row of the table is, and how it is measured."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

Sampler = Callable[[], float]
"""Measures once: a number in the row's unit."""
Preparation = Callable[[], tuple[Sampler, Sampler]]
"""Makes the samplers of what is measured and of its reference."""

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
LEAST = 0.02
"""Seconds that a sample of `clock` lasts at least: what is faster is called several times."""


@dataclass(frozen=True)
class Row:
    """One line of the table: `what` against `reference`, in `unit`.

    ratio_limit: what the ratio may be at most; limit: what is measured has to be less. None: nothing is required.
    most: so many rounds are enough, however many are asked for, where one lasts for seconds; 0 is a single sample
    without one for warming up, where it lasts for minutes.
    """

    name: str
    what: str
    reference: str
    unit: str
    prepare: Preparation
    ratio_limit: float | None
    limit: float | None
    most: int | None

    @property
    def part(self) -> str:
        """The module that the row is from."""
        return self.prepare.__module__.rpartition(".")[2]

    @property
    def required(self) -> str:
        """The requirement in words; "" where there is none."""
        limits = (self.ratio_limit, "<= {:g}x"), (self.limit, f"< {{:g}} {self.unit}")
        return ", ".join(text.format(limit) for limit, text in limits if limit is not None)

    def measure(self, rounds: int) -> Result:
        """Sample both sides in turns, so many times after one for warming up."""
        rounds = rounds if self.most is None else min(rounds, self.most)
        measured, reference = self.prepare()
        samples = [(measured(), reference()) for _ in range(rounds + 1)]
        ours, theirs = zip(*samples[1:] or samples, strict=True)
        return Result(min(ours), median(ours), min(theirs), median(theirs))


@dataclass(frozen=True)
class Result:
    """The least and the median of each side's samples."""

    least: float
    median: float
    reference_least: float
    reference_median: float

    @property
    def ratio(self) -> float:
        """Of the least samples: other work on the machine only ever adds to a sample."""
        return self.least / self.reference_least

    def meets(self, row: Row) -> bool:
        """Whether the row's requirement is met."""
        return (row.ratio_limit is None or self.ratio <= row.ratio_limit) and (
            row.limit is None or self.least < row.limit
        )


ROWS: dict[str, Row] = {}
"""All rows by name, in the order of the table."""


def row(
    name: str,
    what: str,
    reference: str,
    unit: str,
    ratio_limit: float | None = None,
    limit: float | None = None,
    most: int | None = None,
) -> Callable[[Preparation], Preparation]:
    """Add to `ROWS` the row that the decorated function prepares."""

    def add(prepare: Preparation) -> Preparation:
        assert name not in ROWS, name
        ROWS[name] = Row(name, what, reference, unit, prepare, ratio_limit, limit, most)
        return prepare

    return add


def clock(function: Callable[[], Any], unit: str) -> Sampler:
    """How long a call lasts: the mean over as many calls as fill `LEAST` seconds."""
    calls = 0

    def lasted(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            function()
        return time.perf_counter() - start

    def sample() -> float:
        nonlocal calls
        if not calls:
            calls = 1
            while lasted(calls) < LEAST:
                calls *= 2
        return lasted(calls) / calls / SECONDS[unit]

    return sample


def peak(function: Callable[[], Any]) -> Sampler:
    """How much memory Python and NumPy hold at the height of a call, its result included: kB."""

    def sample() -> float:
        tracemalloc.start()
        try:
            function()
            return tracemalloc.get_traced_memory()[1] / 1000
        finally:
            tracemalloc.stop()

    return sample
