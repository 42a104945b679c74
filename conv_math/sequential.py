"""Operations one after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, errors_of, numbers, shown
from .operation import Operation, Order, Shape, Taps, Trajectory, step_index


@dataclass(frozen=True, init=False, repr=False)
class Sequential:
    """Stages, counted from 0 as in `ops`; a nested Sequential is laid flat. Errors name the stage.

    It is no `Operation`: its weights, biases and shapes are lists with an entry for each stage.
    """

    ops: tuple[Operation, ...]

    def __init__(self, *ops: Operation | Sequential) -> None:
        flat: list[Operation] = []
        for op in ops:
            if not isinstance(op, Operation | Sequential):
                raise ConvMathError(f"Sequential: stage {len(flat)} is {shown(op)}; allowed: an operation")
            flat.extend(op.ops if isinstance(op, Sequential) else (op,))
        if not flat:
            raise ConvMathError("Sequential: no stages; allowed: one operation or more")
        object.__setattr__(self, "ops", tuple(flat))

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.ops))})"

    @property
    def num_parameters(self) -> int:
        """The sum over the stages."""
        return sum(op.num_parameters for op in self.ops)

    def shapes(self, input_shape: Sequence[int]) -> list[Shape]:
        """The input's shape and each stage's output shape: one more than there are stages."""
        with errors_of("Sequential: stage 0"):
            batch, item = self.ops[0].split(input_shape)
        shapes = [(*batch, *item)]
        for stage, op in enumerate(self.ops):
            with errors_of(f"Sequential: stage {stage}"):
                shapes.append(op.output_shape(shapes[-1]))
        return shapes

    def output_shape(self, input_shape: Sequence[int]) -> Shape:
        """The last stage's output shape."""
        return self.shapes(input_shape)[-1]

    def macs(self, input_shape: Sequence[int]) -> int:
        """The sum over the stages."""
        shapes = self.shapes(input_shape)[:-1]
        return sum(op.macs(shape) for op, shape in zip(self.ops, shapes, strict=True))

    def forward(
        self,
        x: ArrayLike,
        weights: Sequence[ArrayLike | None] | None = None,
        biases: Sequence[ArrayLike | None] | None = None,
    ) -> NDArray:
        """The last stage's output; weights and biases have an entry for each stage, None where it has none."""
        result: NDArray = numbers("Sequential", "x", x)
        weights, biases = self._each("weights", weights), self._each("biases", biases)
        for stage, (op, weight, bias) in enumerate(zip(self.ops, weights, biases, strict=True)):
            with errors_of(f"Sequential: stage {stage}"):
                result = op.forward(result, weight, bias)
        return result

    def _each(self, field: str, values: Sequence[ArrayLike | None] | None) -> Sequence[ArrayLike | None]:
        """One entry for each stage."""
        if values is None:
            return [None] * len(self.ops)
        if len(values) != len(self.ops):
            raise ConvMathError(
                f"Sequential: {field} has {len(values)} entries; allowed: {len(self.ops)}, one per stage"
            )
        return values

    def trajectory(self, input_shape: Sequence[int], order: Order = "position") -> SequentialTrajectory:
        """The stages' steps, one stage after another."""
        shapes = self.shapes(input_shape)
        stages: list[Trajectory] = []
        for stage, (op, shape) in enumerate(zip(self.ops, shapes[:-1], strict=True)):
            with errors_of(f"Sequential: stage {stage}"):
                stages.append(op.trajectory(shape, order))
        return SequentialTrajectory(tuple(stages))


@dataclass(frozen=True)
class SequentialTrajectory:
    """The steps of several stages: `stages` has a trajectory for each, whose step 0 is step `starts[stage]` here."""

    stages: tuple[Trajectory, ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """The first step of each stage."""
        return tuple(accumulate((tr.steps for tr in self.stages[:-1]), initial=0))

    @property
    def steps(self) -> int:
        """How many steps there are in all stages; as `len()`, which cannot exceed sys.maxsize."""
        return sum(tr.steps for tr in self.stages)

    def __len__(self) -> int:
        return self.steps

    def locate(self, t: int) -> tuple[int, int]:
        """(stage, step of that stage) of step t; IndexError if there is no step t."""
        t = step_index(t, self.steps)
        stage = bisect_right(self.starts, t) - 1
        return stage, t - self.starts[stage]

    def stage(self, t: int) -> int:
        """The stage that step t belongs to."""
        return self.locate(t)[0]

    def taps(self, t: int) -> Taps:
        """The multiplies of step t; they index the arrays of that step's own stage."""
        stage, step = self.locate(t)
        return self.stages[stage].taps(step)
