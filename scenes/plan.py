"""The plan of a scene, which cells, movers and captions look up: what is where, when, and told in what words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..conv_math import (
    DeformConv2d,
    Flatten,
    MaxUnpool2d,
    Merge,
    Move,
    PixelShuffle,
    PixelUnshuffle,
    Slide,
    Upsample,
    View,
)
from ..conv_math.conv import Weighted
from ..conv_math.matrix import MatrixProduct
from ..conv_math.pointwise import Pointwise
from ..conv_math.pool import Largest, Pooling
from ..conv_math.rearrange import Columns, Reshape
from ..conv_math.transposed import ConvTranspose
from . import palette
from .contents import Contents, Shown
from .form import FEWEST_PIXELS, LEAST_BAR, WINDOW_BAR
from .items import all_items, notes_of, reviewed, with_channels, with_factors_above, with_skips
from .layout import (
    CAPITAL,
    LABEL_JOINT,
    LITTLE,
    SEEN,
    SIDE,
    TOP,
    Frame,
    Item,
    Page,
    Placed,
    label_texts,
    shape_text,
)
from .numerals import HEIGHT, ROOM, digit_height, legible, numbers_on, shorts
from .pacing import TRAVEL_SECONDS
from .parts import Bank, Tensor
from .photo import RGB_HUES, pixels_of, worn
from .scenefile import filter_names
from .sight import ChannelSum, Sight, bank_shape, depth_of
from .story import ALWAYS, Numbers
from .timetable import Timetable
from .told import Told
from .travel import arrange_stages
from .values import Values, can_be_worked_out, in_lightness, offset_of, values_of
from .viewpoint import arrange_near, arrange_turning

TABLE_CELL, WORTH = 8.0, 1.1
"""Where cells are smaller than this, in reference pixels, a line takes the table's place if that makes them so much
larger; where all the same they are too small to be seen, for less. For so much, matrices stand above what they make."""
ROUNDS, EASILY = 4, 1.25
"""How often kernels are made larger at most until their numbers can be read; how much higher than just legible digits
then are at least."""
KERNEL_PIXELS = 8.0
"""How large the cells of kernels are at least beside those of a picture that are hardly seen, in reference pixels."""
KERNEL_SHARE = 0.3
"""They are no larger than this share of that picture."""
LARGE_PICTURE = 100
"""A picture of fewer rows and columns has cells that can be seen, if anything has."""
HURRIED = 2.5
"""A stage with less time than this many travels of the camera has none for a travel."""
ROOMY, FOLLOWED, COSTLESS, LARGE_CELL = 0.9, 0.6, 0.99, 12.0
"""Filters are opened where that leaves cells that are seen no smaller than this share of their size; channels numbered,
without which those that are moved cannot be followed, where they are no smaller than this one or so large in reference
pixels; and shapes said once more where they are hardly any smaller."""
OTHER_CAMERAS = {"perspective": arrange_near, "turntable": arrange_turning}
"""What places all for a camera that is not far away along one direction."""


class Plan:
    """Where everything is, when (``time``), and what is ``told``. Made once; only read afterwards."""

    def __init__(
        self, contents: Contents, size: tuple[int, int], fps: float, language: str, theme: palette.Theme
    ) -> None:
        self.contents, self.size, self.fps, self.theme = contents, size, fps, theme
        self.page = Page.of(size)
        self.scene = scene = contents.scene
        self.show = set(scene.look.show)
        self.stages, self.shapes = contents.stages, contents.shapes
        self._sights: dict[int, Sight] = {}
        self._known: tuple[list[Values], list[Values | None], list[Values | None]] | None = None
        self.values = self.known_values() if "values" in self.show else None
        biases = None if self.values is None else self.values[2]
        self.told = Told(contents, self.page, language, biases, self.sight)
        self._make_space()
        tensors = None if self.values is None else self.values[0]
        self.time = Timetable(contents, self.frame, fps, self.sight, tensors)

    def known_values(self) -> tuple[list[Values], list[Values | None], list[Values | None]]:
        """Values of every tensor and of every stage's weight as they are drawn, and its bias, worked out once."""
        if self._known is None:
            self._known = self._values()
        return self._known

    @cached_property
    def given(self) -> tuple[list[Values], list[Values | None], list[Values | None]]:
        """The same of the scene file's stages, in their own shapes."""
        return values_of(self.scene)

    def _values(self) -> tuple[list[Values], list[Values | None], list[Values | None]]:
        """Values of every tensor and of every stage's weight, in their drawn shapes, and of its bias."""
        tensors, weights, biases = self.given
        shown, kernels = [tensors[0]], []
        for stage, following in zip(self.stages, [*self.stages[1:], None], strict=True):
            last = following is None or following.number != stage.number
            weight = weights[stage.number - 1]
            if stage.matrix is not None and weight is not None:
                weight = stage.matrix.matrix(weight)
            kernels.append(_kernel(stage, weight))
            if last:
                shown.append(tensors[stage.number])
                continue
            before, shape = shown[stage.reads[0]].reshape(stage.input), stage.op.weight_shape
            shown.append(stage.op.forward(before, None if shape is None else kernels[-1].reshape(shape)))
        added = [biases[stage.number - 1] for stage in self.stages]
        return [values.reshape(shape) for values, shape in zip(shown, self.shapes, strict=True)], kernels, added

    def biases(self, number: int) -> Values:
        """Those of a stage's filters that stand beside them, (filters,)."""
        bias = None if self.values is None else self.values[2][number]
        assert bias is not None
        return bias

    def numbers(
        self,
        values: Values,
        color: NDArray[np.floating],
        front: NDArray[np.bool_],
        first: float = ALWAYS,
        last: float | None = None,
        width: float = 1.0,
        stages: Sequence[int] = (),
        most: float = HEIGHT,
        face: float | None = None,
        room: float = ROOM,
    ) -> tuple[Numbers, ...]:
        """What is written on cells of these values (n,), as far as it can be read: see :func:`numbers_on`.

        ``stages`` are those at which they are seen, if the camera travels: it is not as near to all of them. Their
        fronts are as bright as those of cells in their light, if not such a part of their colour.
        """
        seen = [stop.width for number in stages for stop in self.frame.stops[number : number + 1]]
        scale = width * self.size[0] / max(seen, default=self.frame.width)
        return numbers_on(values, (face or self.theme.face) * color, front, scale, first, last, most, room)

    def cell_pixels(self, number: int) -> float:
        """How wide a stage's cells are in the picture in which it is seen, in reference pixels."""
        return 1.0 / (self.frame.stops[number].pixel if self.frame.stops else self.frame.pixel)

    def bar(self, number: int) -> float:
        """How thick the bars of a stage's windows are."""
        return max(WINDOW_BAR, LEAST_BAR / self.cell_pixels(number))

    def lightness(self, number: int) -> NDArray[np.float64] | None:
        """The values that the lightness of the ``number``-th tensor's cells tells, if it does."""
        return None if self.values is None or self.contents.pictured(number) else self.values[0][number]

    def shaded(self, number: int, color: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Colours (n, 3) of the ``number``-th tensor's cells in the lightness of their values (n,).

        What is picked, mixed or only moved has the scale of what is read: else a mean looked as large as the largest.
        """
        while number > 0 and isinstance(self.stages[number - 1].op, Pooling | Upsample | Move):
            (number,) = self.stages[number - 1].reads[:1]
        whole = None if number == 0 and self.by_place else self.lightness(number)
        return color if whole is None else in_lightness(color, values, whole, self.plain(number))

    @cached_property
    def by_place(self) -> bool:
        """Whether the input's cells are told apart by their places, as they are only moved: until a product, if their
        values are told, which then numbers alone do."""
        first, whole = self.stages[0], not any(self.contents.tensors[0].left_out())
        moved = isinstance(first.op, Columns | Flatten | Reshape) and (self.values is None or first.in_parts)
        return whole and moved and not self.contents.pictured(0)

    def plain(self, number: int) -> float:
        """The value of a cell of the ``number``-th tensor in its plain colour: 0 or, of a class, certainty."""
        return float(self.contents.of_classes(number))

    # Space

    def _make_space(self) -> None:
        splits = self.contents.splits
        self._between = views = {n: self._views_of(n) for n, stage in enumerate(self.stages) if stage.slide is None}
        items = all_items(self.told, views)
        self.frame, self.told.legend = self._framed(items)
        if self.page.narrow and self.told.tables and (cell := self.frame.least_cell) < TABLE_CELL:
            legend, self.told.legend, self.told.brief = self.told.legend, False, True
            frame, its_legend = self._framed(items)
            worth = (WORTH if cell >= SEEN else LITTLE) * cell
            # Room for a camera that turns or is near, whose eyes these are, counts more than larger cells.
            if (len(frame.eyes), frame.least_cell) >= (len(self.frame.eyes), worth):
                self.frame, self.told.legend = frame, its_legend
            else:
                self.told.legend, self.told.brief = legend, False
        items = self._numbered(items, with_channels(self.told, items, views))
        items = self._if_roomy(items, self._with_opened(items))
        for few in ("output-", ""):  # all shapes where that costs nothing, those that the table has first
            whole = [replace(item, known=item.known and not item.name.startswith(few)) for item in items]
            items = self._if_roomy(items, whole, roomy=COSTLESS)
        items = self._if_roomy(items, with_factors_above(self.told, items), roomy=WORTH)
        placed = {p.item.name: p for p in self.frame.placed}
        self.skips: dict[tuple[int, int], Tensor] = {}
        """By stage and tensor: what a merge reads from farther away, beside it once more."""
        self.review: dict[int, Tensor] = {}
        """All tensors once more, if these are what a travelling camera has in its last picture."""
        self.banks: dict[int, Bank] = {}
        self.lone_biases: dict[int, Placed] = {}
        """Those that are added to sums of channels, by their stage."""
        self.keys: dict[int, Bank] = {}
        """The kernels beside products, in the colours of their weights."""
        self.views: dict[int, list[tuple[Tensor, View]]] = {}
        self.tensors = [Tensor("input", self.shapes[0], splits[0], placed["input"], self._input_colors())]
        for number, stage in enumerate(self.stages):
            shape, split = self.shapes[number + 1], splits[number + 1]
            where = placed[f"output-{number + 1}"]
            for skip in self.contents.skips(number):
                if (name := f"skip-{skip}-{number + 1}") in placed:
                    self.skips[number, skip] = replace(self.tensors[skip], name=name, placed=placed[name])
            if stage.slide is not None:
                if number in self.contents.banks:
                    shown = bank_shape(stage.op)
                    assert shown is not None
                    self.banks[number] = Bank(placed[f"filters-{number + 1}"], shown, self.contents.groups(number))
                if stage.is_product and (shown := bank_shape(stage.told)) is not None:
                    self.keys[number] = Bank(placed[f"kernel-{number + 1}"], shown, 1)
                self.tensors.append(Tensor(where.item.name, shape, split, where, self._output_colors(number)))
            else:
                spots = [placed[f"{view.name}-{number + 1}"] for view in views[number][:-1]]
                self.views[number] = self._arrangements(number, views[number], [*spots, where])
                self.tensors.append(self.views[number][-1][0])
            if number in self.contents.lone_biases:
                self.lone_biases[number] = placed[f"biases-{number + 1}"]
        for number, tensor in enumerate(self.tensors):
            if (name := f"review-{tensor.name}") in placed:
                self.review[number] = replace(tensor, name=name, placed=placed[name])

    def _numbered(self, items: list[Item], marked: list[Item]) -> list[Item]:
        """The items, as many of them ``marked`` as there is room for: all, or one stage's after another's."""
        cell, result = self.frame.least_cell, self._if_roomy(items, marked, LARGE_CELL, roomy=FOLLOWED)
        stages = dict.fromkeys(m.name.rpartition("-")[2] for m, item in zip(marked, items, strict=True) if m != item)
        for stage in stages if result is items else ():
            more = [m if m.name.rpartition("-")[2] == stage else r for r, m in zip(result, marked, strict=True)]
            result = self._if_roomy(result, more, LARGE_CELL, cell, FOLLOWED)
        return result

    def _if_roomy(
        self,
        items: list[Item],
        others: list[Item],
        large: float = math.inf,
        cell: float | None = None,
        roomy: float = ROOMY,
    ) -> list[Item]:
        """The others, in their places, if words and pictures stay and cells become no smaller than so much of ``cell``
        or of what they are, or are so ``large`` all the same, in reference pixels; else the items, which are in
        theirs."""
        if items == others:
            return items
        legend, self.told.legend = self.told.legend, False
        frame, its_legend = self._framed(others)

        def kept(frame: Frame) -> tuple[tuple[str, ...], tuple[object, ...], int]:
            """How much is said on labels, in whatever lines; what is in each picture; and eyes."""
            said = tuple(LABEL_JOINT.join(label_texts(item, frame.label_style)) for item in items)
            return said, tuple(stop.items for stop in frame.stops), len(frame.eyes)

        cell = cell or self.frame.least_cell
        wanted = max(roomy * cell, min(cell, SEEN))  # what is seen is seen
        stops = zip(frame.stops, self.frame.stops, strict=False)
        nearer = min(roomy, ROOMY)
        near = all(stop.pixel * nearer <= former.pixel or stop.pixel * large <= 1.0 for stop, former in stops)
        if near and kept(frame) == kept(self.frame) and frame.least_cell >= min(wanted, large):
            self.frame, self.told.legend = frame, its_legend
            return others
        self.told.legend = legend
        return items

    def _with_opened(self, items: list[Item]) -> list[Item]:
        """The items, filters opened whose weights are told: each is to be seen, and not only those of channel 1."""
        told = {
            f"filters-{number + 1}"
            for number in self.contents.banks.keys() - set(self.contents.flipped)
            if self.values is not None and not self.stages[number].is_product and self.divisor(number) is None
        }
        return [
            replace(item, opened=True)
            if item.name in told and item.elision.channels.length > 1 and not any(item.elision.left_out())
            else item
            for item in items
        ]

    def _framed(self, items: list[Item]) -> tuple[Frame, bool]:
        """All in its place, and whether what is left out is told in the table's place."""
        frame = self._arrange(items)
        for _ in range(ROUNDS):  # larger kernels may leave less room for all
            larger = [self._readable(item, frame) for item in items]
            if larger == items:
                break
            items, frame = larger, self._arrange(larger)
        if frame.label_style >= 0 or not any(item.notes for item in items):
            return frame, False
        self.told.legend = True
        return self._arrange([replace(item, notes=()) for item in items]), True

    def _readable(self, item: Item, frame: Frame) -> Item:
        """The item, its cells as large as their numbers need to be read if it is a bank of kernels with a name."""
        number = int(item.name.removeprefix("filters-")) - 1 if item.name.startswith("filters-") else -1
        if number >= 0 and (larger := self._enlarged(item, number, frame)) is not None:
            return larger
        if number < 0 or self.divisor(number) is None or list(item.elision.left_out()):
            return item
        kernel = self.told_kernel(number)
        assert kernel is not None
        texts = set(shorts(kernel.reshape(-1)))
        size = digit_height(texts)
        digit, least = size * item.pitch, legible(texts, size) * frame.width / self.size[0]
        if digit >= least:
            return item
        return replace(item, pitch=item.pitch * max(CAPITAL["label"] * frame.pixel, EASILY * least) / digit)

    def _enlarged(self, item: Item, number: int, frame: Frame) -> Item | None:
        """A bank of kernels beside a picture whose cells are too small to be told from each other, larger than it."""
        unit = frame.stops[number].pixel if frame.stops else frame.pixel
        read = self.contents.tensors[number]
        side = max(read.rows.span, read.columns.span)
        if not self.scene.input.pictured or side < LARGE_PICTURE or unit * FEWEST_PIXELS < 1.0:
            return None
        _, *kernel = item.elision.dims
        most = KERNEL_SHARE * side / max(kernel)
        if item.pitch >= (pitch := round(min(KERNEL_PIXELS * unit, most))):
            return item
        self.told.enlarged[number] = pitch
        return replace(item, pitch=float(pitch), notes=notes_of(self.told.bank_left_out(number)))

    def divisor(self, number: int) -> int | None:
        """What the numbers of a stage's kernels are divided by, if these have a name: that of a filter's channels."""
        stage = self.stages[number]
        named = self.values is not None and not stage.is_product and filter_names(stage.stages[-1])
        return (stage.told.weight_shape or (1, 1))[1] if named else None

    def told_kernel(self, number: int) -> Values | None:
        """A stage's weight, in its drawn shape, as cells show it: of a named kernel its own numbers."""
        kernel = None if self.values is None else self.values[1][number]
        return kernel if kernel is None else kernel * (self.divisor(number) or 1)

    def _views_of(self, number: int) -> tuple[View, ...]:
        """The arrangements of a Move; of a merge its output, with no cell's origin."""
        stage = self.stages[number]
        if isinstance(stage.op, MaxUnpool2d):
            indices = self._largest(self._pool_of(number))
            sources = stage.op.trajectory(stage.input, indices=indices.reshape(stage.input)).sources[0]
            first = np.arange(len(sources))[:, None, None] * math.prod(stage.item[1:])
            return (View("output", stage.output, np.where(sources < 0, -1, first + sources)),)
        if isinstance(stage.op, Move):
            return stage.op.views(stage.input)
        return (View("output", stage.output, np.full(self.shapes[number + 1][-3:], -1)),)

    def _pool_of(self, number: int) -> int:
        """The stage of the pool whose indices an unpooling takes."""
        pool = self.scene.pool_of(self.stages[number].number - 1) + 1
        return next(n for n, other in enumerate(self.stages) if other.number == pool and other.slide)

    @cached_property
    def remembering(self) -> set[int]:
        """The stages of such pools."""
        return {self._pool_of(n) for n, stage in enumerate(self.stages) if isinstance(stage.op, MaxUnpool2d)}

    def index_of(self, number: int, step: int) -> int:
        """Which cell such a pool keeps in a step, of its first channel: counted row by row, as PyTorch does."""
        n, channel, (_, row, column) = self.sight(number).place(step)
        return int(self._largest(number).reshape(-1, *self.contents.items[number + 1])[n, channel or 0, row, column])

    def returning(self, number: int) -> NDArray[np.int64]:
        """The cells (n, rank) that are drawn to which an unpooling brings one."""
        tensor, view = self.views[number][0]
        index = tensor.drawn()
        _, *place = tensor.rows(index)
        return index[view.source.reshape(-1)[np.ravel_multi_index(place, tensor.shape[-3:])] >= 0]

    def read_by(self, number: int) -> list[Tensor]:
        """The tensors that a stage reads, where it takes their cells from."""
        return [self.skips.get((number, tensor), self.tensors[tensor]) for tensor in self.stages[number].reads]

    def merged(self, number: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """What the cells of a merge's output are made of, one after another: of each cell, row-major, the number among
        the tensors read (-1: nothing more) and the flat cell there."""
        stage = self.stages[number]
        assert isinstance(stage.op, Merge)
        items = tuple(self.contents.items[tensor] for tensor in stage.reads)
        output = self.contents.items[number + 1]
        cells = np.indices(output).reshape(len(output), -1).T
        which, read = stage.op.came_from(cells, items)
        order = np.argsort(which, kind="stable")
        which, read = which[order], read[order]
        turn = np.arange(len(which)) - np.searchsorted(which, which)
        result = []
        for k in range(int(turn.max()) + 1):
            mine = turn == k
            tensor, flat = np.full(len(cells), -1), np.zeros(len(cells), np.int64)
            tensor[which[mine]] = read[mine, 0]
            for i, item in enumerate(items):
                here = mine & (read[:, 0] == i)
                flat[which[here]] = np.ravel_multi_index(tuple(read[here, 1:].T), item)
            result.append((tensor, flat))
        return result

    def _arrange(self, items: list[Item]) -> Frame:
        """A camera travels only where each stage reads the one before it, and has time to be looked at."""
        if self.told.legend or "table" not in self.show:  # no table tells shapes: they are the short words
            items = [item if item.short is not None else replace(item, short=(shape_text(item),)) for item in items]
        if self.scene.look.camera in OTHER_CAMERAS:
            return OTHER_CAMERAS[self.scene.look.camera](items, self.size, *self.told.caption_room())
        chain = all(number in stage.reads and not stage.again for number, stage in enumerate(self.stages))
        hurry = self.scene.time.seconds < HURRIED * TRAVEL_SECONDS * len(self.stages)
        fixed = hurry or not chain or self.contents.traces  # a trace back is through all of it
        camera = "still" if fixed else self.scene.look.camera
        room, results = self.told.caption_room(), self.told.result_rooms()
        review = reviewed(self.told, with_channels(self.told, items, self._between))
        together, many = self.contents.ends_merged, bool(self.told.summary)
        beside = with_skips(self.told, items)
        return arrange_stages(items, self.size, *room, camera, beside, results, together, review, many)

    def _input_colors(self) -> NDArray[np.float64]:
        if self.contents.pictured(0):
            return self._photo_colors(0)
        first, shape = self.stages[0], self.shapes[0]
        if self.by_place:
            return palette.place_colors(shape[-3:])
        whole = self.values is None and not any(self.contents.tensors[0].left_out())
        if whole and isinstance(first.op, PixelUnshuffle):  # each cell has the colour of the channel that it goes to
            channels = palette.input_colors(self.shapes[1][-3], shape[-3])
            came = first.op.views(first.input)[-1].source.reshape(len(channels), -1)
            colors = np.empty((math.prod(shape[-3:]), 3))
            colors[came] = channels[:, None]
            return colors.reshape(*shape[-3:], 3)
        groups = getattr(first.op, "groups", 1) if first.slide is None else self.contents.groups(0)
        if isinstance(first.op, PixelShuffle):  # what becomes one channel is one family
            groups = self.shapes[1][-3]
        colors, per_group = palette.input_colors(shape[-3], groups), shape[-3] // groups
        if self.values is not None:  # which lightness tells: equal ones look alike in whatever channel
            return np.repeat(colors[::per_group], per_group, axis=0)
        return colors

    def _photo_colors(self, number: int) -> NDArray[np.float64]:
        """What the cells of a picture wear, (C, H, W, 3), those of all the pictures of a batch."""
        values, shape = pixels_of(self.scene), self.shapes[number]
        if number > 0 or values is None:
            values = self.known_values()[0][number]
        return worn(values.reshape(-1, *shape[-3:])[0], self.contents.splits[number] > 1)

    def _output_colors(self, number: int) -> NDArray[np.float64]:
        """Of a Slide: the filters' hues or, without any, the colours of what is read."""
        op, before = self.stages[number].op, self.tensors[number]
        if self.contents.pictured(number + 1) and self.shapes[number + 1][-3] == self.shapes[0][-3]:
            return self._photo_colors(number + 1)
        made = depth_of(self.contents.items[number + 1])
        if isinstance(op, Weighted):
            which, filters = self.filters_among(number)
            hues = self.families(number), self.after(number)
            colors = palette.output_colors(filters, op.groups, self.colors_read(number), *hues)[which]
            return np.repeat(colors, made, axis=0)
        if isinstance(op, MatrixProduct):  # the channels of what the row will be
            assert isinstance(op.op, Weighted)
            colors = palette.output_colors(op.op.filters, op.op.groups)
            return np.repeat(colors, op.weight_shape[1] // len(colors), axis=0)[None, None]
        if before.colors.ndim == 2:
            return np.repeat(before.colors[:: depth_of(self.contents.items[number])], made, axis=0)
        cells = np.indices(self.shapes[number + 1][-3:]).reshape(3, -1)
        came = np.round(self.sight(number).sources(*cells)).astype(int)
        return before.colors[tuple(came.T)].reshape(*self.shapes[number + 1][-3:], 3)

    def filters_among(self, number: int) -> tuple[NDArray[np.int64], int]:
        """Which filters a stage's are, and of how many: one alone is one of all that are so, which differ by hue."""
        op, alone = self.stages[number].op, self._lone_filters
        assert isinstance(op, Weighted)
        if number not in alone:
            return np.arange(op.filters), op.filters
        return np.array([alone[number]]), max(alone.values()) + 1

    @cached_property
    def _lone_filters(self) -> dict[int, int]:
        """Of every stage that has one filter its number among these, those counted once that have the same weights."""
        known: dict[object, int] = {}
        result: dict[int, int] = {}
        for number, stage in enumerate(self.stages):
            if isinstance(stage.op, Weighted) and stage.op.filters == 1:
                weight = stage.stages[-1].weight
                same = number if isinstance(weight, str) and weight == "random" else np.asarray(weight).tobytes()
                result[number] = known.setdefault((stage.op.weight_shape, same), len(known))
        return result

    def colors_read(self, number: int) -> NDArray[np.float64] | None:
        """What the channels wear that a stage reads, (channels, 3), if each has a colour."""
        read = self.stages[number].reads[0]
        colors, depth = self.tensors[read].colors, depth_of(self.contents.items[read])
        if self._shown_apart(read):
            return palette.oklch_to_linear(palette.ramp(1), palette.CHROMA, RGB_HUES)
        return colors[::depth] if colors.ndim == 2 else None

    def families(self, number: int) -> int:
        """Into how many groups of several channels falls what a stage makes, where it is next read in groups."""
        for reader, stage in enumerate(self.stages):
            if number + 1 not in stage.reads:
                continue
            if isinstance(stage.op, Weighted):
                groups = stage.op.groups if stage.op.fan_in() > 1 else 1
            else:  # what picks and bends numbers leaves channels theirs
                groups = self.families(reader) if isinstance(stage.op, Pointwise | Pooling) else 1
            if groups > 1:
                return groups
        return 1

    def after(self, number: int) -> int:
        """How many stages with several filters are before one: theirs, and what they make, have hues of their own."""
        ops = {stage.number: stage.op for stage in self.stages[:number] if isinstance(stage.op, Weighted)}
        return 0 if number in self._lone_filters else sum(op.filters > 1 for op in ops.values())

    def mixes(self, number: int) -> bool:
        """Whether a stage's groups mix what several groups made, and so are of new hues."""
        op = self.stages[number].op
        if not isinstance(op, Weighted) or (read := self.colors_read(number)) is None:
            return False
        return bool(palette.new_hues(op.groups, palette.hue_of(read)))

    def mixes_all(self, number: int) -> bool:
        """Whether each filter of a stage reads what several groups made."""
        read, op = self.stages[number].reads[0], self.stages[number].op
        made = self.stages[read - 1].op if read else None
        return isinstance(op, Weighted) and op.groups == 1 < op.filters and getattr(made, "groups", 1) > 1

    def _shown_apart(self, number: int) -> bool:
        """Whether a tensor is a picture in colours whose red, green and blue stand side by side."""
        return self.contents.pictured(number) and self.shapes[number][-3] == self.contents.splits[number] == 3

    def _arrangements(self, number: int, views: tuple[View, ...], placed: list[Placed]) -> list[tuple[Tensor, View]]:
        """A Move's views as tensors of (N,) channels, rows, columns: cells keep the colours that they had."""
        stage, split = self.stages[number], self.contents.splits[number + 1]
        before = self.tensors[stage.reads[0]]
        if isinstance(stage.op, Merge):
            return [(self._merged_tensor(number, placed[0]), views[0])]
        result = []
        for view, spot, (lanes, channels, *plane) in zip(views, placed, self.contents.view_shapes(number), strict=True):
            shape = (*before.shape[:-3], lanes * channels, *plane)
            source = view.source.reshape(shape[-3:])
            whole = (source >= 0).all() and (
                source - source[:, :1, :1] == np.arange(math.prod(plane)).reshape(plane)
            ).all()
            if before.colors.ndim == 2 and whole and math.prod(plane) == math.prod(before.shape[-2:]):
                colors = before.colors[source[:, 0, 0] // math.prod(plane)]
            else:
                colors = before.color_of(_cells_of(source, before)).reshape(*shape[-3:], 3)
            empty = source < 0
            if before.empty is not None:
                empty = empty | before.empty[tuple(_cells_of(source, before)[:, -3:].T)].reshape(source.shape)
            apart = split if view is views[-1] else lanes
            tensor = Tensor(spot.item.name, shape, apart, spot, colors, empty if empty.any() else None)
            result.append((tensor, view))
        return result

    def _merged_tensor(self, number: int, placed: Placed) -> Tensor:
        """A merge's output; its cells wear the mean of the colours of all cells that they are made of."""
        stage, shape = self.stages[number], self.shapes[number + 1]
        if isinstance(stage.op, ChannelSum):
            split = self.contents.splits[number + 1]
            return Tensor(placed.item.name, shape, split, placed, palette.output_colors(1, 1))
        addends = self.merged(number)
        (first, _), colors, count = addends[0], np.zeros((len(addends[0][0]), 3)), np.zeros((len(addends[0][0]), 1))
        for which, flat in addends:
            for i, tensor in enumerate(self.tensors[t] for t in stage.reads):
                colors[which == i] += tensor.color_of(_cells_of(flat[which == i], tensor))
            count += (which >= 0)[:, None]
        split, empty = self.contents.splits[number + 1], (first < 0).reshape(shape[-3:])
        colors = (colors / np.maximum(count, 1.0)).reshape(*shape[-3:], 3)
        return Tensor(placed.item.name, shape, split, placed, colors, empty if empty.any() else None)

    # Cells

    def stands(self, number: int) -> bool:
        """Whether the ``number``-th tensor is there from the beginning: the input, in whatever row."""
        return number == 0 or (self.stages[number - 1].again and self.stands(self.stages[number - 1].reads[0]))

    def since(self, number: int) -> float:
        """The step at which the ``number``-th tensor is there, which is not the last one: when the next one begins or,
        of one that is brought back, when that is there."""
        if self.stands(number):
            return ALWAYS
        stage = self.stages[number - 1]
        return self.since(stage.reads[0]) if stage.again else float(self.time.acts[number].first_step)

    @cached_property
    def takes_over(self) -> dict[int, float]:
        """The tensors that stand where the input does, of which they are the same, and from which step on: the one that
        they are read with."""
        there = (n for n, tensor in enumerate(self.tensors) if tensor.placed.item.shared)
        return {n: float(self.time.acts[n].first_step) for n in there}

    def gives_way(self, number: int) -> float | None:
        """The step at which the input, or what has taken its place, leaves that to the next one; None: it stays."""
        return next((step for n, step in self.takes_over.items() if n > number), None)

    def reader(self, number: int) -> str | None:
        """The window that lights the ``number``-th tensor's cells as it passes over them; those of what was flattened
        as one would on what it is made of: in a column of the matrix the rest are zeros."""
        if self.echoes(number):
            return f"echo-{number + 1}"
        if number < len(self.stages) and isinstance(self.stages[number].op, Slide | Columns):
            return f"window-{number + 1}"
        if self.echoes(number + 1):
            return f"echo-{number + 2}"
        made = number > 0 and self.stages[number - 1].slide is not None
        return f"head-{number}" if made and (self.sight(number - 1).scatters or self.sight(number - 1).fills) else None

    def echoes(self, number: int) -> bool:
        """Whether a stage is a product with the matrix of a window that is seen on the tensor that was flattened."""
        product = self.stages[number].matrix if number < len(self.stages) else None
        return product is not None and self.window_of_matrix(number).made_of is not None

    def window_of_matrix(self, number: int) -> Sight:
        """The operation that a stage's matrix stands for."""
        product = self.stages[number].matrix
        assert product is not None
        return Sight(product.op, product.item, "position")  # pyright: ignore[reportArgumentType]

    def anchor(
        self, number: int, tensor: Tensor, index: NDArray[np.int64], position: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Positions as the window sees them: it has one box per lane, and all of them move as the first one does.

        What was flattened it sees where it came from.
        """
        reader = self.reader(number)
        if self.echoes(number):
            before, (n, *place) = self.tensors[number - 1], tensor.rows(index)
            cells = np.unravel_index(np.ravel_multi_index(place, tensor.shape[-3:]), before.shape[-3:])
            came = np.stack([n, *cells], axis=1)[:, 4 - len(before.shape) :]
            return self.anchor(number - 1, before, came, before.at(came))
        if tensor.split == 1 or reader is None or self.contents.takes_turns(number - reader.startswith("head")):
            return position
        return tensor.at_first_lane(index)

    def sight(self, number: int) -> Sight:
        """A stage over which a window is seen; one that is no Slide writes all channels at once."""
        if number not in self._sights:
            stage = self.stages[number]
            assert stage.over is not None
            offset = offset_of(self.scene, stage.number - 1) if isinstance(stage.op, DeformConv2d) else None
            order = "position" if stage.slide is None else self.scene.time.order
            self._sights[number] = Sight(stage.over, stage.input, order, offset)
        return self._sights[number]

    def done(self, number: int, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The step with which output cells of a stage are final; counted from the stage's first one."""
        return self.sight(number).done(*self.tensors[number + 1].rows(index))

    def winners(self, number: int) -> NDArray[np.int64] | None:
        """Where the largest cells are that a stage keeps: flat indices of its output's shape, if it is such a pool, and
        not of so many cells that it would take long to tell."""
        if isinstance(self.stages[number].op, Largest) and can_be_worked_out(self.scene):
            return self._largest(number)
        return None

    def _largest(self, number: int) -> NDArray[np.int64]:
        stage = self.stages[number]
        assert isinstance(stage.op, Largest)
        return stage.op.indices(self.known_values()[0][number].reshape(stage.input))

    @cached_property
    def _flying_room(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From and to where, along the picture's right and its up, anything may fly: within its margins, from its
        things to its heading; if the camera travels, as all else."""
        frame = self.frame
        left, low = min(p.left for p in frame.placed), min(p.bottom for p in frame.placed)
        right, high = (max(p.left + p.width for p in frame.placed), max(p.bottom + p.height for p in frame.placed))
        heading = float(frame.center[1]) + frame.height / 2.0 - (self.told.caption_room()[0] + TOP) * frame.pixel
        if frame.stops:
            high = min(heading, high)
        else:
            beside = frame.width / 2.0 - SIDE * frame.pixel
            left, right, high = float(frame.center[0]) - beside, float(frame.center[0]) + beside, heading
        return np.array([left, low]), np.array([right, high])

    def has_room(self, bounds: NDArray[np.float64]) -> bool:
        """Whether things may fly within these bounds (n, 2, 2), low and high, along the picture's right and its up."""
        low, high = self._flying_room
        return bool((bounds[:, 0] >= low).all() and (bounds[:, 1] <= high).all())


def _cells_of(source: NDArray[np.int64], tensor: Tensor) -> NDArray[np.int64]:
    """The indices (n, rank) of a picture's flat cells; of the first cell for -1."""
    index = np.unravel_index(source.clip(0).reshape(-1), tensor.shape[-3:])
    return np.stack([*[np.zeros(source.size, np.int64)] * (len(tensor.shape) - 3), *index], axis=1)


def _kernel(stage: Shown, weight: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """A stage's weight in the shape of the filters that are drawn of it; None where none are."""
    shape, told = bank_shape(stage.op), stage.told
    if weight is None or shape is None:
        return None
    if isinstance(told, ConvTranspose) and stage.matrix is None:
        weight = told.flipped(weight)
        if stage.op is told:  # it scatters: the kernel as it is
            weight = np.flip(weight, tuple(range(2, weight.ndim)))
    return weight.reshape(shape)
