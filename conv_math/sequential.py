"""Operations one after another, and branches that leave and meet again."""

# pyright: reportUnnecessaryIsInstance=false
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from numpy.typing import ArrayLike

from .errors import ConvMathError, errors_of, floats, is_integer, reals, shown
from .operation import Operation, Taps, Trajectory
from .shapes import Floats, InputShape, Order, Shape, length, step_index

Source = int | Literal["input"]
"""Whose output a stage reads: that of a stage, counted from 0, or the whole chain's "input"."""

READS = {"DeformConv2d": "offset", "MaxUnpool2d": "indices"}
"""Operations whose trajectory depends on a second array, and what their methods call it."""


@dataclass(frozen=True)
class Stage:
    """An operation and where its input comes from, for a chain with branches.

    inputs: one source for each input of the operation, each an earlier stage's number or "input":
    Sequential(Conv2d(8, 8, 3, padding=1), ReLU(), Stage(Add(), (1, "input"))). None: the stage before.
    """

    op: Operation
    inputs: Sequence[Source] | None = None


@dataclass(frozen=True, init=False, repr=False)
class Sequential:
    """Stages, counted from 0 as in `ops`; a nested Sequential is laid flat. Errors name the stage.

    `inputs` has the sources of each stage. It is no `Operation`: its weights, biases and shapes are lists with an entry
    for each stage. Where an operation reads a second array (DeformConv2d its offset, MaxUnpool2d its indices), `data`
    has it under the stage's number. Source of the name: torch.nn.Sequential.
    """

    ops: tuple[Operation, ...]
    inputs: tuple[tuple[Source, ...], ...]

    def __init__(self, *ops: Operation | Stage | Sequential) -> None:
        flat: list[Operation] = []
        inputs: list[tuple[Source, ...]] = []
        for op in ops:
            before: Source = len(flat) - 1 if flat else "input"
            base = len(flat)
            if isinstance(op, Sequential):
                flat.extend(op.ops)
                inputs.extend(tuple(before if s == "input" else s + base for s in sources) for sources in op.inputs)
            elif isinstance(op, Operation):
                flat.append(op)
                inputs.append((before,))
            elif isinstance(op, Stage) and isinstance(op.op, Operation):
                flat.append(op.op)
                inputs.append((before,) if op.inputs is None else _sources(op, base))
            else:
                raise ConvMathError(f"Sequential: stage {base} is {shown(op)}; allowed: an operation")
        if not flat:
            raise ConvMathError("Sequential: no stages; allowed: one operation or more")
        object.__setattr__(self, "ops", tuple(flat))
        object.__setattr__(self, "inputs", tuple(inputs))

    def __repr__(self) -> str:
        stages: list[str] = []
        for number, (op, sources) in enumerate(zip(self.ops, self.inputs, strict=True)):
            usual = (number - 1,) if number else ("input",)
            stages.append(repr(op) if sources == usual else f"Stage({op!r}, {sources!r})")
        return f"Sequential({', '.join(stages)})"

    @property
    def num_parameters(self) -> int:
        """The sum over the stages."""
        return sum(op.num_parameters for op in self.ops)

    def shapes(self, input_shape: InputShape) -> list[Shape]:
        """The input's shape and each stage's output shape: one more than there are stages."""
        return self._walk(input_shape)[0]

    def output_shape(self, input_shape: InputShape) -> Shape:
        """The last stage's output shape."""
        return self.shapes(input_shape)[-1]

    def stages(self, input_shape: InputShape) -> list[tuple[Operation, Any]]:
        """Each stage's operation, for the spatial axes that it meets here, and its input shape: a list for a merge."""
        return self._walk(input_shape)[1]

    def macs(self, input_shape: InputShape) -> int:
        """The sum over the stages."""
        return sum(op.macs(shape) for op, shape in self.stages(input_shape))

    def forward(
        self,
        x: ArrayLike,
        weights: Sequence[ArrayLike | None] | None = None,
        biases: Sequence[ArrayLike | None] | None = None,
        *,
        data: Mapping[int, ArrayLike] | None = None,
    ) -> Floats:
        """The last stage's output; weights and biases have an entry for each stage, None where it has none."""
        return self.forward_all(x, weights, biases, data=data)[-1]

    def forward_all(
        self,
        x: ArrayLike,
        weights: Sequence[ArrayLike | None] | None = None,
        biases: Sequence[ArrayLike | None] | None = None,
        *,
        data: Mapping[int, ArrayLike] | None = None,
    ) -> list[Floats]:
        """x, and every stage's output."""
        checked = reals("Sequential", "x", x)
        stages = self.stages(checked.shape)
        values = [floats(checked)]
        weights, biases = self._each("weights", weights), self._each("biases", biases)
        for stage, (op, _) in enumerate(stages):
            with errors_of(f"Sequential: stage {stage}"):
                read = [values[_value(source)] for source in self.inputs[stage]]
                more = _reads(op, stage, data)
                given: Any = read if op.SEVERAL else read[0]
                values.append(op.forward(given, weights[stage], biases[stage], **more))
        return values

    def _each(self, field: str, values: Sequence[ArrayLike | None] | None) -> Sequence[ArrayLike | None]:
        """One entry for each stage."""
        if values is None:
            return [None] * len(self.ops)
        if not isinstance(values, tuple | list):
            raise ConvMathError(f"Sequential: {field} is a {type(values).__name__}; allowed: a list, one per stage")
        if len(values) != len(self.ops):
            raise ConvMathError(
                f"Sequential: {field} has {len(values)} entries; allowed: {len(self.ops)}, one per stage"
            )
        return values

    def trajectory(
        self,
        input_shape: InputShape,
        order: Order = "position",
        *,
        data: Mapping[int, ArrayLike] | None = None,
    ) -> SequentialTrajectory:
        """The stages' steps, one stage after another."""
        trajectories: list[Trajectory] = []
        for stage, (op, shape) in enumerate(self.stages(input_shape)):
            with errors_of(f"Sequential: stage {stage}"):
                trajectories.append(op.trajectory(shape, order, **_reads(op, stage, data)))
        return SequentialTrajectory(tuple(trajectories))

    def _walk(self, input_shape: InputShape) -> tuple[list[Shape], list[tuple[Operation, Any]]]:
        """`shapes` and `stages`. An operation for any number of axes takes over that of the stage before."""
        with errors_of("Sequential: stage 0"):
            first = self._axes_told(input_shape)
            parts = [first.split(input_shape)]
        shapes: list[Shape] = [(*parts[0][0], *parts[0][1])]
        stages: list[tuple[Operation, Any]] = []
        for stage, (op, sources) in enumerate(zip(self.ops, self.inputs, strict=True)):
            with errors_of(f"Sequential: stage {stage}"):
                batch, item = parts[_value(sources[0])]
                op = op.with_axes(len(item) - 1)
                read = [shapes[_value(source)] for source in sources]
                if len(read) > 1 and not op.SEVERAL:
                    raise ConvMathError(f"{op.name}: {len(read)} inputs; allowed: 1")
                given: Any = read if op.SEVERAL else read[0]
                shape = op.output_shape(given)
            stages.append((op, given))
            shapes.append(shape)
            parts.append((batch, shape[len(batch) :]))
        return shapes, stages

    def _axes_told(self, input_shape: InputShape) -> Operation:
        """The first stage, for as many spatial axes as the first operation that is made for a certain number has, if no
        stage before that changes their number."""
        first = self.ops[0]
        count = len(input_shape) if isinstance(input_shape, tuple | list) else 0
        for op in self.ops:
            axes = op.AXES if op.AXES is not None else getattr(op, "spatial_axes", None)
            if axes is not None:
                return first.with_axes(axes) if count in (axes + 1, axes + 2) else first
            if type(op).__name__ == "Flatten":
                break
        return first


def _sources(stage: Stage, number: int) -> tuple[Source, ...]:
    """The checked sources of stage `number`."""
    given = stage.inputs
    sources = tuple(given) if isinstance(given, tuple | list) else ()
    known = [s for s in sources if (s == "input" if isinstance(s, str) else is_integer(s) and 0 <= s < number)]
    if not sources or len(known) < len(sources):
        raise ConvMathError(
            f"Sequential: stage {number}: inputs={shown(given)}; allowed: 'input' and numbers of earlier stages"
        )
    return tuple(s if isinstance(s, str) else int(s) for s in sources)


def _value(source: Source) -> int:
    """The source's place in `Sequential.shapes`."""
    return 0 if isinstance(source, str) else source + 1


def _reads(op: Operation, stage: int, data: Mapping[int, ArrayLike] | None) -> dict[str, Any]:
    """The second array of an operation that reads one, under the name that its methods give it."""
    if data is not None and not isinstance(data, Mapping):
        raise ConvMathError(f"data={shown(data)}; allowed: a dict from a stage's number to its array")
    name = READS.get(op.name)
    return {} if name is None else {name: None if data is None else data.get(stage)}


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
        return length(self.steps)

    def locate(self, t: int) -> tuple[int, int]:
        """(stage, step of that stage) of step t; NoSuchStepError if there is no step t."""
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
