"""What a scene shows, by plain arithmetic: its stages, its tensors and filters, and what of them is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, reduce

from ..conv_math import (
    Conv1d,
    Conv2d,
    Conv3d,
    DeformConv2d,
    Flatten,
    Linear,
    Merge,
    Move,
    Operation,
    Pad,
    Shape,
    Slide,
    Softmax,
    Window,
)
from ..conv_math.conv import Conv, Weighted
from ..conv_math.matrix import MatrixProduct
from ..conv_math.rearrange import Columns, Reshape, Unfold, WindowColumns
from ..conv_math.transposed import ConvTranspose
from .ancestry import Trace, traces_of
from .elision import (
    FILTERS,
    LIMIT,
    SLICES,
    Elision,
    Reach,
    as_made,
    elide,
    groups_shown,
    least_drawn,
    shorten,
    to_scale,
    with_groups_elided,
)
from .errors import SceneError
from .photo import pixels_of
from .scenefile import PRODUCTS, Scene, Stage, astray, naming
from .sight import ChannelSum, RowProduct, bank_shape, drawn_item, groups_of, trajectory_of, window_of


@dataclass(frozen=True)
class Shown:
    """A stage as it is drawn: ``op`` is what happens to the cells, ``stages`` what the scene file calls it.

    ``source`` is the shape that the last of these reads, as PyTorch says. They differ for a Linear, the convolution
    whose kernel is as large as the picture: the Flatten before it is no stage of its own, as nothing of it can be seen;
    for a transposed convolution that gathers, which is played as Moves and a convolution; and for what is seen as a
    matrix, which is played as two Moves and a product between them.
    """

    op: Operation
    stages: tuple[Stage, ...]
    number: int
    """Of the last of ``stages`` in the scene file, from 1."""
    input: Shape
    """Of what ``op`` reads (a merge: of the first of it); (N,) C, and the spatial axes."""
    output: Shape
    reads: tuple[int, ...]
    """Numbers of the tensors that it reads: 0 is the input, then one for the output of each drawn stage."""
    source: Shape
    again: bool = False
    """Whether it only brings a tensor back, to the beginning of a new row, where the next stage reads it."""
    first: bool = True
    """Whether it is the first of the steps as which the last of ``stages`` is played."""

    @property
    def matrix(self) -> MatrixProduct | None:
        """The operation, if it is a product with a matrix."""
        return self.op if isinstance(self.op, MatrixProduct) else None

    @property
    def in_parts(self) -> bool:
        """Whether it is a step of what is seen as a product of matrices, which is told as one."""
        return self.stages[-1].view in PRODUCTS

    @property
    def gathers(self) -> bool:
        """Whether it is a step of a transposed convolution that gathers."""
        return isinstance(self.told, ConvTranspose) and self.op is not self.told and not self.in_parts

    @property
    def is_step(self) -> bool:
        """Whether it is one of several steps as which an operation is played: what is told of that is told of all."""
        return self.in_parts or self.gathers or self.stages[-1].view == "partial"

    @property
    def is_product(self) -> bool:
        """Whether it is that product."""
        return isinstance(self.op, MatrixProduct | RowProduct)

    @property
    def over(self) -> Slide | None:
        """The operation whose window is seen on what it reads; of what is seen as a product the convolution."""
        if isinstance(self.op, Unfold):
            op = self.op
            return Conv2d(self.item[0], 1, op.kernel_size, op.stride, op.padding, op.dilation)
        begins = self.in_parts and self.first and not self.again
        return self.told if begins and isinstance(self.told, Conv) else self.slide

    @property
    def told(self) -> Operation:
        """The operation that the words are about."""
        return self.stages[-1].op

    @property
    def slide(self) -> Slide | None:
        """The operation, if a window does it."""
        return self.op if isinstance(self.op, Slide) else None

    @property
    def item(self) -> Shape:
        """C and the spatial axes of what it reads."""
        return self.op.split(self.input)[1]

    @property
    def spans(self) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """Extents, distances and padding of the window on what it reads, along depth, rows and columns of cubes."""
        axes, op = len(self.item) - 1, self.over
        window = None if op is None or isinstance(op, ConvTranspose) else window_of(op, axes)
        window = window or Window.still(axes)
        missing = 3 - axes
        return (
            [1] * missing + list(window.extent),
            [1] * missing + list(window.dilation),
            [(0, 0)] * missing + list(window.padding),
        )


MANY_WEIGHTS = 1024
"""More weights of a Linear than these are not drawn: they are as many as pairs of cells."""


class Contents:
    """The things of a scene and how much of each is drawn; O(stages) to make, whatever the sizes.

    With ``all_cells`` every cell of the tensors is; filters beside big tensors are few all the same, as those of a
    network have many times the cells of its tensors.
    """

    def __init__(self, scene: Scene, all_cells: bool = False) -> None:
        self.scene, self.all_cells = scene, all_cells
        self.stages: list[Shown] = []
        first, _ = scene.operations.stages(scene.input.shape)[0]
        batch, item = first.split(scene.input.shape)
        self.items: list[Shape] = [_standing(item)]
        """C and the spatial axes of the input and of every stage's output as they are drawn: a vector is (C, 1, 1)."""
        self.told_shapes: list[Shape] = [scene.input.shape]
        """The same as PyTorch says, (N,) C, *spatial."""
        waiting: list[Stage] = []
        # Of every tensor of the scene: C and its spatial axes, and the number that it is drawn as.
        tolds, drawn = [item], [0]
        needed = {tensor for stage in scene.stages for tensor in stage.reads or ()}
        for number, stage in enumerate(scene.stages, start=1):
            following = scene.stages[number].op if number < len(scene.stages) else None
            reads = stage.reads or (number - 1,)
            before = [tolds[tensor] for tensor in reads]
            op = self._of_its_axes(number, stage.op, before[0])
            told = op.output_of(tuple(before)) if isinstance(op, Merge) else op.output_item(before[0])
            tolds.append(told)
            flat = isinstance(op, Flatten) and isinstance(following, Linear) and len(told) == 1 < len(before[0])
            if flat and number not in needed:
                drawn.append(drawn[reads[0]])
                waiting = [stage]
                continue
            stages, sources = (*waiting, stage), tuple(drawn[tensor] for tensor in reads)
            if not op.SEVERAL and sources[0] != len(self.items) - 1:
                same = Pad(0).with_axes(len(self.items[sources[0]]) - 1)
                self._show(same, stages, number, batch, sources, before[0], again=True)
                sources = (len(self.items) - 1,)
            for i, part in enumerate(_parts(stage, before[0], self.items[sources[0]])):
                self._show(part, stages, number, batch, sources, before[0], first=i == 0)
                sources = (len(self.items) - 1,)
            drawn.append(len(self.items) - 1)
            self.told_shapes[-1] = (*batch, *told)
            waiting = []
        self.batch: int | None = batch[0] if batch else None
        self._elide()

    def _of_its_axes(self, number: int, op: Operation, item: Shape) -> Operation:
        """An operation for one sample. SceneError if it is for another number of axes, so that it would take channels,
        or samples, for what they are not to the other stages."""
        there = len(item) - 1
        op = op.with_axes(there)
        axes = op.AXES if op.AXES is not None else getattr(op, "spatial_axes", None)
        if axes not in (None, there):
            raise SceneError(
                f"{self.scene.source}: stage {number}: {op.name} is for {_axes(axes)} beside the channels, and what it "
                f"reads is {' x '.join(map(str, item))}, with {_axes(there)}; allowed: operations for as many"
            )
        return op

    def _show(
        self,
        op: Operation,
        stages: tuple[Stage, ...],
        number: int,
        batch: Shape,
        sources: tuple[int, ...],
        told: Shape,
        again: bool = False,
        first: bool = True,
    ) -> None:
        read = [self.items[tensor] for tensor in sources]
        made = op.output_of(tuple(read)) if isinstance(op, Merge) else op.output_item(read[0])
        came, went, source = ((*batch, *shape) for shape in (read[0], made, told))
        self.stages.append(Shown(op, stages, number, came, went, sources, source, again, first))
        self.items.append(_standing(made))
        if isinstance(op, Reshape | MatrixProduct | WindowColumns) and len(made) == 3:
            made = made[1:]
        elif isinstance(op, RowProduct):
            made = made[0], made[2]
        self.told_shapes.append((*batch, *made))

    @cached_property
    def shapes(self) -> list[Shape]:
        """(N,) channels, rows and columns of the cubes of every tensor."""
        batch = () if self.batch is None else (self.batch,)
        return [(*batch, *drawn_item(item)) for item in self.items]

    @cached_property
    def splits(self) -> list[int]:
        """Into how many lanes each tensor's channels are pulled apart: whoever writes or reads it in groups decides."""
        wishes: list[list[int]] = [[item[0] if len(item) == 4 else 1] for item in self.items]
        for number, stage in enumerate(self.stages):
            if stage.slide is not None:
                if self.takes_turns(number):  # the window has one box: a group must not be apart
                    wishes[number] = []
                wishes[number].append(self.groups(number))
                wishes[number + 1].append(self.groups(number))
        if self.apart:
            wishes[-1].append(_item(self.shapes[-1])[0])
            if not self.scene.input.pictured:  # a picture shows its colours
                wishes[0].append(_item(self.shapes[0])[0])
        result = []
        for shape, wish in zip(self.shapes, wishes, strict=True):
            common = reduce(math.lcm, wish)
            result.append(common if _item(shape)[0] % common == 0 else max(wish))
        return result

    @property
    def apart(self) -> bool:
        """Whether the result's channels stand side by side: where the scene says so, or they are pictures."""
        return self.scene.look.apart or self._pictures

    @property
    def maps(self) -> bool:
        """Whether the result's channels are pictures side by side."""
        return self._pictures and self.splits[-1] == self.shapes[-1][-3] > 1

    @property
    def _pictures(self) -> bool:
        """Whether the result's channels are pictures, and seen: cells are lighter and darker as their values are."""
        *_, rows, columns = self.shapes[-1]
        return self.scene.input.pictured and "values" in self.scene.look.show and rows > 1 < columns

    def pictured(self, number: int) -> bool:
        """Whether the ``number``-th tensor is still the input's picture: moved, pooled or grown."""
        if number == 0:
            return pixels_of(self.scene) is not None
        stage = self.stages[number - 1]
        alone = not isinstance(stage.op, Weighted | Merge) and len(stage.reads) == 1
        return alone and self.pictured(stage.reads[0])

    def of_classes(self, number: int) -> bool:
        """Whether the ``number``-th tensor's cells are the probabilities of classes, which are counted from 0."""
        return number > 0 and isinstance(self.stages[number - 1].op, Softmax)

    def groups(self, number: int) -> int:
        """Into how many parts the channels of a Slide fall that have nothing to do with each other."""
        return groups_of(self.stages[number].op, self.items[number])

    def takes_turns(self, number: int) -> bool:
        """Whether a stage's groups come one after another, the window going from lane to lane."""
        return self.scene.time.order == "filter" and self.stages[number].slide is not None and self.groups(number) > 1

    def padding(self, number: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Padding (before, after) of depth, rows and columns that is drawn around the ``number``-th tensor."""
        if number < len(self.stages) and "ghosts" in self.scene.look.show:
            depth, rows, columns = self.stages[number].spans[2]
            return depth, rows, columns
        return (0, 0), (0, 0), (0, 0)

    @cached_property
    def shared(self) -> set[int]:
        """The tensors that are the input once more, and may stand where that does: all with which rows begin, if these
        look alike and there is nothing around any."""
        again = {number + 1 for number, stage in enumerate(self.stages) if stage.again}
        same = all(self.stages[n - 1].reads[0] == 0 and self.tensors[n] == self.tensors[0] for n in again)
        return again if same and not any(any(map(any, self.room(n))) for n in (0, *again)) else set()

    def room(self, number: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Cells (before, after) that are kept free around a tensor: for padding, for a window that ends beyond that, as
        ``ceil_mode`` lets it, and for one that scatters."""
        before = self.stages[number - 1] if number else None
        padding = self.padding(number)
        reading = self.stages[number] if number < len(self.stages) else None
        if reading is not None and isinstance(reading.op, DeformConv2d):  # its window's cells go astray
            beyond = math.ceil(astray(reading.stages[-1].offset))
            depth, *plane = padding
            rows, columns = ((side + beyond, other + beyond) for side, other in plane)
            return depth, rows, columns
        if reading is not None and getattr(reading.op, "ceil_mode", False):
            assert isinstance(reading.op, Slide)
            window, made = window_of(reading.op, len(reading.item) - 1), reading.op.output_item(reading.item)[1:]
            assert window is not None
            along = zip(reading.item[1:], made, window.stride, window.padding, window.extent, strict=True)
            beyond = [max(0, (count - 1) * s + k - sum(pads) - size) for size, count, s, pads, k in along]
            beyond = [0] * (3 - len(beyond)) + beyond
            depth, rows, columns = ((a, b + more) for (a, b), more in zip(padding, beyond, strict=True))
            padding = depth, rows, columns
        if before is None or not isinstance(before.op, ConvTranspose):
            return padding
        window, axes = before.op.window, len(before.item) - 1
        along = zip(before.item[1:], self.items[number][1:], window.stride, window.padding, window.extent, strict=True)
        sides = [(side, max(0, (size - 1) * s - side + k - made)) for size, made, s, (side, _), k in along]
        sides = [(0, 0)] * (3 - axes) + sides
        depth, rows, columns = ((max(a, c), max(b, d)) for (a, b), (c, d) in zip(padding, sides, strict=True))
        return depth, rows, columns

    def covers(self, number: int, axis: int) -> bool:
        """Whether a window has all of its input's rows (0) or columns (1) in it, without a gap."""
        extents, distances, padding = self.stages[number].spans
        size = self.shapes[number][-2:][axis]
        return distances[1 + axis] == 1 and extents[1 + axis] == size + sum(padding[1 + axis])

    def _elide(self) -> None:
        tensors = [self._tensor(number) for number in range(len(self.shapes))]
        banks = {n: bank for n, stage in enumerate(self.stages) if (bank := self._bank(stage)) is not None}
        views = {n: self._views(n) for n, stage in enumerate(self.stages) if stage.slide is None}
        self._to_scale(tensors, views)
        everything = [*tensors, *banks.values(), *(view for row in views.values() for view in row)]
        big = any(thing.true_cells > LIMIT for thing in everything)
        apart = {} if self.all_cells else groups_shown(everything)
        if self.all_cells:
            tensors = [Elision.whole(e.sizes) for e in tensors]
            views = {n: [Elision.whole(e.sizes) for e in row] for n, row in views.items()}
        if big:
            banks = {n: shorten(Elision.whole(e.sizes) if self.all_cells else e) for n, e in banks.items()}
        for number, stage in enumerate(self.stages):
            by = banks[number].blocks if number in banks else tensors[stage.reads[0]].channels
            tensors[number + 1] = as_made(tensors[number + 1], by)
        self.tensors = [with_groups_elided(e, apart) for e in tensors]
        self.banks = {n: with_groups_elided(e, apart) for n, e in banks.items()}
        """The banks of filters that are drawn, by the number of their stage."""
        self.views = {n: [with_groups_elided(e, apart) for e in row] for n, row in views.items()}
        """The arrangements of a Move on the way to its output."""

    def _to_scale(self, tensors: list[Elision], views: dict[int, list[Elision]]) -> None:
        """Have rows and columns drawn of all tensors in the same proportion; anew after what gives axes a new sense."""
        scales = [0]
        for stage in self.stages:
            anew = isinstance(stage.op, Flatten | Reshape | Unfold)
            scales.append(max(scales) + 1 if anew else scales[stage.reads[0]])
        for scale in set(scales):
            members = [number for number, other in enumerate(scales) if other == scale]
            like = least_drawn(tensors[number] for number in members)
            for number in members:
                tensors[number] = to_scale(tensors[number], like, self._reach(number))
                if number - 1 in views:
                    views[number - 1] = [to_scale(view, like) for view in views[number - 1]]

    def _reach(self, number: int) -> Reach:
        """Rows and columns over which the window extends that reads a tensor."""
        if number == len(self.stages):
            return 1, 1
        _, rows, columns = self.stages[number].spans[0]
        return 1 if self.covers(number, 0) else rows, 1 if self.covers(number, 1) else columns

    def _tensor(self, number: int) -> Elision:
        shape, split = self.shapes[number], self.splits[number]
        c, h, w = _item(shape)
        sizes = split, self.batch or 1, c // split, h, w
        return elide(sizes, reach=self._reach(number), pictured=self.scene.input.pictured)

    def _bank(self, stage: Shown) -> Elision | None:
        shape = bank_shape(stage.op)
        if shape is None or self.woven(stage) or (isinstance(stage.told, Linear) and math.prod(shape) > MANY_WEIGHTS):
            return None
        filters, *dims = shape
        groups = groups_of(stage.op, stage.item)
        c, h, w = dims
        return elide((groups, filters // groups, c, h, w), FILTERS, SLICES)

    def woven(self, stage: Shown) -> bool:
        """Whether each weight of a stage is a line, from the cell that it multiplies to the one that it adds to.

        So are those of a Linear, where their numbers are not shown: all that cubes would tell is what meets what.
        """
        show, shape = set(self.scene.look.show), bank_shape(stage.op)
        if shape is None or not isinstance(stage.told, Linear) or math.prod(shape) > MANY_WEIGHTS:
            return False
        return "lines" in show and "values" not in show

    def _views(self, number: int) -> list[Elision]:
        result = []
        for shape in self.view_shapes(number)[:-1]:
            lanes, *dims = shape
            c, h, w = dims
            result.append(elide((lanes, self.batch or 1, c, h, w)))
        return result

    def undrawn(self, number: int) -> bool:
        """Whether a stage has filters that are not drawn: too many, or lines."""
        return number not in self.banks and bank_shape(self.stages[number].op) is not None

    def is_partial(self, number: int) -> bool:
        """Whether the channels' sums are added up only in the next stage: its filters are the slices of one."""
        return number + 1 < len(self.stages) and isinstance(self.stages[number + 1].op, ChannelSum)

    def view_shapes(self, number: int) -> list[tuple[int, int, int, int]]:
        """The arrangements of a Move, the output last: lanes, and the channels, rows and columns of each."""
        stage = self.stages[number]
        if not isinstance(stage.op, Move):
            return [(1, *drawn_item(self.items[number + 1]))]
        result = []
        for view in stage.op.view_shapes(stage.input).values():
            extra = len(view) - len(stage.op.output_item(stage.item))
            c, h, w = drawn_item(view[extra:])
            result.append((math.prod(view[:extra]), c, h, w))
        return result

    def several_views(self, number: int) -> bool:
        """Whether a stage is a Move with arrangements on its way."""
        return len(self.view_shapes(number)) > 1

    @property
    def cells(self) -> int:
        """How many are drawn: tensors, filters and their biases, arrangements on the way, ghosts."""
        things = [*self.tensors, *self.banks.values(), *(view for row in self.views.values() for view in row)]
        total = sum(thing.cells for thing in things)
        keys = [bank_shape(stage.told) for stage in self.stages if stage.is_product]
        total += sum(math.prod(key) for key in keys if key is not None)
        total += sum(len(self.banks[number].drawn_blocks()) for number in self.biased) + len(self.lone_biases)
        for number, tensor in enumerate(self.tensors):
            sizes = (tensor.channels.drawn, tensor.rows.drawn, tensor.columns.drawn)
            padded = (size + sum(pair) for size, pair in zip(sizes, self.padding(number), strict=True))
            total += tensor.lanes.drawn * tensor.blocks.drawn * (math.prod(padded) - math.prod(sizes))
        return total

    @cached_property
    def biased(self) -> set[int]:
        """The stages whose filters each have their bias beside them: where there are numbers. A cell without one would
        look like another weight."""
        ops = {number: self.stages[number].op for number in self.banks if not self.stages[number].is_product}
        shown = "values" in self.scene.look.show
        return {number for number, op in ops.items() if shown and getattr(op, "bias", False)}

    @cached_property
    def lone_biases(self) -> set[int]:
        """The stages that add up channels, and then a bias, which is a thing of its own where there are numbers."""
        shown = "values" in self.scene.look.show
        ops = enumerate(stage.op for stage in self.stages)
        return {number for number, op in ops if shown and isinstance(op, ChannelSum) and op.bias}

    def adds_bias(self, number: int) -> bool:
        """Whether biases of filters come to what is added up, in a step that is told. Where a window scatters, each
        product goes to another cell."""
        return number in self.biased and not isinstance(self.stages[number].op, ConvTranspose)

    @cached_property
    def traces(self) -> list[Trace]:
        """The way back from one output cell, the last stage's first; none unless the scene asks for it."""
        if not {"cone", "usage"} & set(self.scene.look.show):
            return []
        with naming(f"{self.scene.source}: look.show"):
            return traces_of([stage.op for stage in self.stages], [stage.reads for stage in self.stages], self.items)

    @cached_property
    def flipped(self) -> list[int]:
        """The stages that begin with their kernels being flipped: what transposed convolutions gather by."""
        gathers = {n: s.op for n, s in enumerate(self.stages) if isinstance(s.told, ConvTranspose)}
        return [n for n, op in gathers.items() if isinstance(op, Conv) and math.prod(op.each("kernel_size")) > 1]

    @property
    def chain(self) -> list[Operation] | None:
        """The operations, if each reads what the one before it wrote."""
        straight = all(stage.reads == (number,) for number, stage in enumerate(self.stages))
        return [stage.op for stage in self.stages] if straight else None

    @cached_property
    def in_rows(self) -> bool:
        """Whether there are rows one below the other, each a way of its own from something that is there before."""
        return any(stage.again for stage in self.stages)

    @property
    def causal(self) -> bool:
        """Whether all tensors are rows of moments, and each stage looks back alone, beyond the first moment, too."""
        if any(len(item) != 2 for item in self.items) or self.in_rows:
            return False
        windows = [stage.op.geometry(1) for stage in self.stages]
        sides = [window.padding[0] if window and window.stride == (1,) else (0, 1) for window in windows]
        return any(before for before, _ in sides) and not any(after for _, after in sides)

    @property
    def ends_merged(self) -> bool:
        """Whether the result is made of several tensors, which then are in the last picture of a travelling camera."""
        op = self.stages[-1].op
        return isinstance(op, Merge) and op.SEVERAL

    def skips(self, number: int) -> list[int]:
        """The tensors that a stage reads, but for the one before it."""
        return [tensor for tensor in self.stages[number].reads if tensor != number]

    @property
    def steps(self) -> list[int]:
        """Of each stage: a Slide's are its trajectory's; a Move has one per channel and arrangement on its way.

        What only brings a tensor back takes no time: it stands there as soon as that does.
        """
        return [self._steps(number) for number in range(len(self.stages))]

    def _steps(self, number: int) -> int:
        stage = self.stages[number]
        if stage.again:
            return 0
        if stage.slide is None:
            return (self.batch or 1) * sum(self.move_turns(number))
        assert stage.slide is not None
        return trajectory_of(stage.slide, stage.input, self.scene.time.order).steps

    def move_turns(self, number: int) -> list[int]:
        """How many steps each arrangement of a Move takes, per picture: one a channel or, of columns, a window."""
        stage = self.stages[number]
        views = self.view_shapes(number)
        if isinstance(stage.op, Columns):
            return [views[0][3]]
        turns = [lanes * c for lanes, c, _, _ in views]
        if isinstance(stage.op, ChannelSum):  # cell by cell
            return [math.prod(views[0][1:])]
        if isinstance(stage.op, Merge):
            return turns
        return [max(turns[0], self.shapes[number][-3])] if len(turns) == 1 else turns


def _standing(item: Shape) -> Shape:
    """A vector is a tensor of one row and one column."""
    return item if len(item) > 1 else (*item, 1, 1)


def _parts(stage: Stage, told: Shape, item: Shape) -> list[Operation]:
    """What is drawn of a stage on (C, *spatial), one after another; ``told`` is what PyTorch calls that."""
    op = stage.op.with_axes(len(item) - 1)
    if isinstance(op, Linear):
        c, *spatial = item
        kind = {1: Conv1d, 2: Conv2d, 3: Conv3d}[len(spatial)]
        return [kind(c, op.out_features, tuple(spatial), bias=op.bias)]
    if isinstance(op, Softmax) and len(told) == 1:
        return [Softmax()]
    if isinstance(op, Conv) and stage.view == "partial":
        apart = replace(op, out_channels=op.in_channels, groups=op.in_channels, bias=False)
        return [apart, ChannelSum(op.bias, spatial_axes=len(item) - 1)]
    if isinstance(op, Conv) and stage.view == "im2col":
        columns = WindowColumns(op, spatial_axes=len(item) - 1)
        rows = columns.output_item(item)[1]
        product = RowProduct(1, op.out_channels, (rows, 1), bias=False)
        return [columns, product, Reshape(op.output_item(item), spatial_axes=2)]
    if stage.view == "matrix":
        made = op.output_item(item)
        row = Reshape((1, 1, math.prod(item)), spatial_axes=len(item) - 1)
        return [row, MatrixProduct(op, item), Reshape(made, spatial_axes=2)]
    if isinstance(op, ConvTranspose) and stage.view == "gather":
        *moves, conv = op.as_convolution().ops
        steps: list[Operation] = []
        for move in moves:
            before, item = item, move.output_item(item)
            steps += [move] if item != before else []
        return [*steps, conv]
    return [op]


def _axes(count: int) -> str:
    return f"{count} {'axis' if count == 1 else 'axes'}"


def _item(shape: Shape) -> tuple[int, int, int]:
    """Channels, rows, columns; 1 where there are none."""
    c, h, w = (*shape[-3:], 1, 1)[:3]
    return c, h, w
