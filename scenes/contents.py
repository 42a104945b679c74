"""What a scene shows, by plain arithmetic: its stages, its tensors and filters, and what of them is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce

from ..conv_math import Conv2d, Flatten, Linear, Move, Operation, Shape
from .elision import FILTERS, LIMIT, SLICES, Elision, Sizes, elide, shorten, with_groups_elided
from .scenefile import Scene, Stage


@dataclass(frozen=True)
class Shown:
    """A stage as it is drawn: ``op`` is what happens to the cells, ``stages`` what the scene file calls it.

    They differ for a Linear, the convolution whose kernel is as large as the picture: the Flatten before it is no
    stage of its own, as nothing of it can be seen.
    """

    op: Operation
    stages: tuple[Stage, ...]
    number: int
    """Of the last of ``stages`` in the scene file, from 1."""

    @property
    def told(self) -> Operation:
        """The operation that the words are about."""
        return self.stages[-1].op


class Contents:
    """The things of a scene and how much of each is drawn; O(stages) to make, whatever the sizes.

    With ``all_cells`` every cell of the tensors is; filters beside big tensors are few all the same, as those of a
    network have many times the cells of its tensors.
    """

    def __init__(self, scene: Scene, all_cells: bool = False) -> None:
        self.scene, self.all_cells = scene, all_cells
        self.stages: list[Shown] = []
        self.shapes: list[Shape] = [scene.input.shape]
        """Of the input and of every stage's output as they are drawn: a Linear's is (C, 1, 1)."""
        self.told_shapes: list[Shape] = [scene.input.shape]
        """The same as PyTorch says."""
        shapes, waiting = scene.shapes, []
        for number, stage in enumerate(scene.stages, start=1):
            drawn = self.shapes[-1]
            following = scene.stages[number].op if number < len(scene.stages) else None
            if (
                isinstance(stage.op, Flatten)
                and isinstance(following, Linear)
                and len(drawn) - len(shapes[number]) == 2
            ):
                waiting = [stage]
                continue
            op = stage.op
            if isinstance(op, Linear) and len(drawn) >= 3 and math.prod(drawn[-3:]) == op.in_features:
                op = Conv2d(drawn[-3], op.out_features, drawn[-2:], bias=op.bias)
            self.stages.append(Shown(op, (*waiting, stage), number))
            self.shapes.append(shapes[number] if op is stage.op else op.output_shape(drawn))
            self.told_shapes.append(shapes[number])
            waiting = []
        self._elide()

    @cached_property
    def splits(self) -> list[int]:
        """Into how many lanes each tensor's channels are pulled apart: whoever writes or reads it in groups decides."""
        wishes: list[list[int]] = [[1] for _ in self.shapes]
        for number, stage in enumerate(self.stages):
            if isinstance(stage.op, Conv2d):
                if self.takes_turns(number):  # the window has one box: a group must not be apart
                    wishes[number] = []
                wishes[number].append(stage.op.groups)
                wishes[number + 1].append(stage.op.groups)
        result = []
        for shape, wish in zip(self.shapes, wishes, strict=True):
            common = reduce(math.lcm, wish)
            result.append(common if _item(shape)[0] % common == 0 else max(wish))
        return result

    def takes_turns(self, number: int) -> bool:
        """Whether a stage's groups come one after another, the window going from lane to lane."""
        op = self.stages[number].op
        return self.scene.time.order == "filter" and isinstance(op, Conv2d) and op.groups > 1

    def padding(self, number: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding (before, after) of rows and columns that is drawn around the ``number``-th tensor."""
        if number < len(self.stages) and "ghosts" in self.scene.look.show:
            op = self.stages[number].op
            if isinstance(op, Conv2d):
                rows, columns = op.window.padding
                return rows, columns
        return (0, 0), (0, 0)

    def covers(self, number: int, axis: int) -> bool:
        """Whether a convolution's window has all of its input's rows (0) or columns (1) in it, without a gap."""
        op, size = self.stages[number].op, self.shapes[number][-2:][axis]
        assert isinstance(op, Conv2d)
        window = op.window
        return window.dilation[axis] == 1 and window.extent[axis] == size + sum(window.padding[axis])

    def _elide(self) -> None:
        tensors = [self._tensor(number) for number in range(len(self.shapes))]
        banks = {n: bank for n, stage in enumerate(self.stages) if (bank := self._bank(stage)) is not None}
        views = {n: self._views(n) for n, stage in enumerate(self.stages) if isinstance(stage.op, Move)}
        everything = [*tensors, *banks.values(), *(view for row in views.values() for view in row)]
        big = any(thing.true_cells > LIMIT for thing in everything)
        apart = set() if self.all_cells else {e.lanes.length for e in everything if e.lanes.hidden}
        if self.all_cells:
            tensors = [Elision.whole(e.sizes) for e in tensors]
            views = {n: [Elision.whole(e.sizes) for e in row] for n, row in views.items()}
        if big:
            banks = {n: shorten(Elision.whole(e.sizes) if self.all_cells else e) for n, e in banks.items()}
        self.tensors = [with_groups_elided(e, apart) for e in tensors]
        self.banks = {n: with_groups_elided(e, apart) for n, e in banks.items()}
        """The banks of filters that are drawn, by the number of their stage."""
        self.views = {n: [with_groups_elided(e, apart) for e in row] for n, row in views.items()}
        """The arrangements of a Move on the way to its output."""

    def _tensor(self, number: int) -> Elision:
        shape, split = self.shapes[number], self.splits[number]
        c, h, w = _item(shape)
        reach = (1, 1)
        if number < len(self.stages) and isinstance(op := self.stages[number].op, Conv2d):
            rows, columns = op.window.extent
            reach = (1 if self.covers(number, 0) else rows, 1 if self.covers(number, 1) else columns)
        return elide((split, _batch(shape), c // split, h, w), reach=reach)

    def _bank(self, stage: Shown) -> Elision | None:
        shape = stage.op.weight_shape
        if shape is None or (isinstance(stage.told, Linear) and math.prod(shape) > LIMIT):
            return None
        groups = stage.op.groups if isinstance(stage.op, Conv2d) else 1
        c, h, w = _item((*shape[1:],))
        return elide((groups, shape[0] // groups, c, h, w), FILTERS, SLICES)

    def _views(self, number: int) -> list[Elision]:
        op, shape = self.stages[number].op, self.shapes[number]
        assert isinstance(op, Move)
        result = []
        for view in list(op.view_shapes(shape).values())[:-1]:
            sizes: Sizes = (math.prod(view[:-3]), math.prod(op.split(shape)[0]), *_item(view[-3:]))
            result.append(elide(sizes))
        return result

    @property
    def cells(self) -> int:
        """How many are drawn: tensors, filters, arrangements on the way, ghosts."""
        things = [*self.tensors, *self.banks.values(), *(view for row in self.views.values() for view in row)]
        total = sum(thing.cells for thing in things)
        for number, tensor in enumerate(self.tensors):
            (top, bottom), (left, right) = self.padding(number)
            rows, columns = tensor.rows.drawn, tensor.columns.drawn
            around = (rows + top + bottom) * (columns + left + right) - rows * columns
            total += tensor.lanes.drawn * tensor.blocks.drawn * tensor.channels.drawn * around
        return total

    @property
    def steps(self) -> list[int]:
        """Of each stage: a Slide's are its trajectory's; a Move has one per channel and arrangement on its way."""
        return [self._steps(stage.op, shape) for stage, shape in zip(self.stages, self.shapes, strict=False)]

    def _steps(self, op: Operation, shape: Shape) -> int:
        if isinstance(op, Move):
            return math.prod(op.split(shape)[0]) * sum(math.prod(view[:-2]) for view in op.view_shapes(shape).values())
        return op.trajectory(shape, self.scene.time.order).steps  # pyright: ignore[reportArgumentType]


def _item(shape: Shape) -> tuple[int, int, int]:
    """Channels, rows, columns; 1 where there are none."""
    c, h, w = (*shape[-3:], 1, 1)[:3]
    return c, h, w


def _batch(shape: Shape) -> int:
    return shape[0] if len(shape) == 4 else 1
