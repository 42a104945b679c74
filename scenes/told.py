"""What is told in words: names, calls, tables, formulas, lines of all kinds, and how much room they take."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from ..conv_math import (
    Add,
    ChannelShuffle,
    DeformConv2d,
    Linear,
    Move,
    Mul,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Slide,
    Softmax,
    ZeroInsert,
)
from ..conv_math.conv import Conv, Weighted
from ..conv_math.errors import per_axis
from ..conv_math.pool import Windowed
from ..conv_math.rearrange import Columns
from ..conv_math.transposed import ConvTranspose
from .captions import (
    TIMES,
    Words,
    biases_of,
    count,
    factor_of,
    pixel_rule,
    pixel_sizes,
    size,
    size_formulas,
    torch_calls,
)
from .contents import Contents, Shown
from .elision import Elision
from .layout import CAPITAL, LINE_HEIGHT, Page, broken, text_ascent, text_descent, text_width
from .numerals import told
from .scenefile import filter_names
from .sight import ChannelSum, RowProduct, Sight, bank_shape
from .tracing import counter_width, trace_lines
from .travel import Result
from .values import Values

COLUMN_GAP = 16.0
"""Between the columns of the table, in reference pixels."""
AXES_JOINT = "  ·  "
"""Between the formulas of several axes on a line."""
LEGEND_SHARE = 0.55
"""How much of a wide picture's width a legend takes at most."""
WHOLE_ROWS = 5
"""A table of all stages has no more rows, its head included, and stands beside one row of tensors: it takes height."""
SUMMARY_SHARE = 0.64
"""How much of a wide picture's width the table of all stages takes at most, their kernels included."""
NOTE_SHARE = 0.7
"""The same of a note, which the counter stands beside."""
RESULT_ROOM = 110.0
"""What the table of all stages leaves to the last tensor and its label, in reference pixels across or along it."""
MAX_SUMMARY_LINES = 6
"""Where the camera does not travel, that table is on no more lines."""
ROW_LINES = 3
"""Lines of a table that take hardly more height than title and call beside it."""


class Told:
    """What a scene tells in words, in one language on one page, and how much room that takes.

    ``biases`` are those of every stage, where values are shown; ``sight`` gives a stage over which a window is seen.
    Whoever places all settles what is ``brief``, what is told in a ``legend`` and what is ``enlarged``.
    """

    def __init__(
        self,
        contents: Contents,
        page: Page,
        language: str,
        biases: list[Values | None] | None,
        sight: Callable[[int], Sight],
    ) -> None:
        self.contents, self.page, self.language = contents, page, language
        self.biases, self.sight, self.words = biases, sight, Words(language)
        self.scene = scene = contents.scene
        self.stages, self.show = contents.stages, set(scene.look.show)
        self.title, self.about = scene.title.in_language(language), scene.description.in_language(language)
        self.brief = False
        """Whether there is a line of shapes in the place of the table, so that cells can be larger."""
        self.legend = False
        """Whether what is left out is told in the table's place, there being no room for it below the things."""
        self.enlarged: dict[int, int] = {}
        """By its stage, how many times larger a bank is drawn than the picture that it is beside."""
        self.trace_lines = trace_lines(contents, self.words, self.called, self._trace_room())
        """What is asked before the traces back, what each of them has found, and what is told of the result."""

    def _trace_room(self) -> float:
        """How long these lines may be, in heights of a capital: in wide pictures a counter stands beside them."""
        beside = 0.0 if self.page.narrow else counter_width(self.contents, self.words) + 2.0
        return self.page.safe_width / CAPITAL["note"] - beside

    def called(self, tensor: int) -> str:
        """What a tensor is called: as the scene file says, by its number, or as the end of its row."""
        if tensor == 0:
            return self.words("input")
        stage = self.stages[tensor - 1]
        following = self.stages[tensor] if tensor < len(self.stages) else None
        if stage.again:
            return self.words("again") if stage.reads[0] == 0 else self.called(stage.reads[0])
        if stage.is_product:
            return self.words("product")
        if following is not None and following.is_product:
            return self.words("made_Flatten" if following.matrix else "columns")
        if stage.stages[-1].name is not None and (following is None or following.number != stage.number):
            return stage.stages[-1].name.in_language(self.language)
        return self.made(tensor - 1)

    def made(self, number: int) -> str:
        """What the output of a stage is called where it has no name."""
        stage = self.stages[number]
        following = self.stages[number + 1] if number + 1 < len(self.stages) else None
        if self.contents.is_partial(number):
            return self.words("partial_sums")
        if following is None or following.again:
            return self.words("output")
        made = (f"made_{kind.__name__}" for kind in type(stage.op).__mro__)
        known = next((key for key in made if key in self.words), None)
        if known is None:
            return self.words("made", self.count_of(number))
        like = [n for n, other in enumerate(self.stages) if type(other.op) is type(stage.op) and not other.again]
        return self.words(known) + (f" {like.index(number) + 1}" if len(like) > 1 and not self.contents.in_rows else "")

    def count_of(self, number: int) -> int:
        """The number of a stage among those that do something, from 1; of one that does not, that of the next one.

        Flipping a kernel is a stage of its own, before the one that the kernel belongs to.
        """
        flips = sum(flipped <= number for flipped in self.contents.flipped)
        return sum(not stage.again for stage in self.stages[: number + 1]) + self.stages[number].again + flips

    def filters_called(self, number: int, flipped: bool) -> str:
        """What a stage's filters are called, before they are flipped and after that."""
        op = self.stages[number].op
        filters = 1 if self.contents.is_partial(number) or not isinstance(op, Weighted) else op.filters
        if isinstance(self.stages[number].told, Linear):
            return self.words.counted("weight_sets", filters)
        called = self.words("filters", filters) if filters > 1 else self.words("filter")
        rate = _dilation(op)
        if rate != "1" or (isinstance(op, Conv) and self._dilated):
            # In a row of many things words are few: filters are seen to be filters.
            row = filters == 1 < len(self.contents.banks) and not (self.contents.in_rows or self.contents.causal)
            called = self.words("of_dilation", rate) if row else self.words("dilated", called, rate)
        return self.words("flipped", called) if flipped else called

    @cached_property
    def _dilated(self) -> bool:
        """Whether there is a chain in which convolutions are dilated."""
        return not self.contents.in_rows and any(_dilation(stage.op) != "1" for stage in self.stages)

    def factors(self, number: int) -> list[tuple[str, tuple[int, ...]]]:
        """The kernel that a product of matrices is explained by, and the factor that its weights make: a matrix, or the
        filters as rows. Names and shapes."""
        stage = self.stages[number]
        shape = bank_shape(stage.told)
        assert shape is not None
        filters, *dims = shape
        kernel = self.words("the_kernel", filters), stage.told.weight_shape or ()
        if stage.matrix is not None:
            named = "transposed_matrix" if isinstance(stage.told, ConvTranspose) else "matrix"
            return [kernel, (self.words(named), stage.matrix.weight_shape)]
        return [kernel, (self.words.counted("filter_rows", filters), (filters, math.prod(dims)))]

    def filter_names(self, number: int) -> tuple[str, ...]:
        """What each of a stage's filters is called, and by what the numbers on its cells are divided."""
        stage = self.stages[number].stages[-1]
        names, divisor = filter_names(stage), 1 if self.biases is None else (stage.op.weight_shape or (1, 1))[1]
        if self.contents.is_partial(number):
            names *= divisor
        return tuple(f"{name} ÷ {divisor}" for name in names) if divisor > 1 else names

    def channel(self, number: int, channel: int) -> str:
        """What a channel of the ``number``-th tensor is called: by its number or, of a picture, by its colour."""
        colors = self.contents.pictured(number) and self.contents.shapes[number][-3] == 3
        return "RGB"[channel] if colors else str(channel + 1)

    def joint(self, number: int) -> str:
        """The sign between what a stage adds or multiplies, cell by cell."""
        signs = ((Add, "+"), (Mul, "·"))
        return next((sign for kind, sign in signs if isinstance(self.stages[number].op, kind)), "")

    def tensor_left_out(self, number: int) -> list[tuple[str, str]]:
        """What is left out of a tensor, in two parts each; before, the weights that made it if none is drawn."""
        if number > 0 and self.contents.undrawn(number - 1) and not self.contents.woven(self.stages[number - 1]):
            weights = count(math.prod(self.stages[number - 1].op.weight_shape or ()))
            undrawn = f"{weights} {self.words('left_out_weights')}", self.words("undrawn")
            return [undrawn, *self.left_out(self.contents.tensors[number])]
        maps = self.contents.shapes[-1][-3] if number == len(self.stages) and self.contents.maps else 0
        return self.left_out(self.contents.tensors[number], maps=maps)

    def bank_left_out(self, number: int) -> list[tuple[str, str]]:
        """What is left out of a stage's filters; and how much larger they are, if they are."""
        enlarged = (
            [(self.words("enlarged", self.enlarged[number]), self.words("enlarged_how"))]
            if number in self.enlarged
            else []
        )
        elision = self.contents.banks[number]
        return [*self.left_out(elision, "filters", each="_each" * (elision.blocks.length > 1)), *enlarged]

    def left_out(
        self, elision: Elision, blocks: str = "pictures", maps: int = 0, each: str = ""
    ) -> list[tuple[str, str]]:
        """What is left out of a thing whose blocks are called so: how many more there are, and of what.

        As many lanes as ``maps`` are channels; where ``each`` block has channels, it is said.
        """
        names = {
            "blocks": blocks,
            "channels": f"channels{each}",
            "lanes": "channels" if elision.lanes.length == maps else "groups",
        }
        left_out = [(names.get(axis, axis), n) for axis, n in elision.left_out()]
        if 0 < elision.rows.hidden == elision.columns.hidden:
            left_out[-2:] = [("rows_columns", elision.rows.hidden)]
        return [(self.words("left_out", count(n)), self.words(f"left_out_{axis}", count(n))) for axis, n in left_out]

    def formulas(self, number: int, words: Words | None = None) -> list[str]:
        """How sizes follow from each other in a stage; with ``words`` numbers have their names."""
        stage = self.stages[number]
        if stage.matrix is not None and "formula" in self.show:
            inputs, outputs = stage.matrix.weight_shape
            return [f"({size((1, inputs))}) · ({size((inputs, outputs))}) = {size((1, outputs))}"]
        if isinstance(stage.op, RowProduct) and "formula" in self.show:
            (filters, positions), weights = self.contents.told_shapes[number + 1][-2:], stage.item[1]
            return [f"({size((filters, weights))}) · ({size((weights, positions))}) = {size((filters, positions))}"]
        if "formula" not in self.show or stage.again:
            return []
        if stage.in_parts:
            return size_formulas(stage.told, stage.source, words)
        if isinstance(stage.told, Linear):
            shape = self.contents.told_shapes[stage.reads[0]][self.contents.batch is not None :]
            named = f"{words('made_Flatten')}{words.colon}" if words else ""
            return [f"{named}{size(shape)} = {count(stage.told.in_features)}"] if self.flattened(number) else []
        if isinstance(stage.op, PixelShuffle | PixelUnshuffle):
            parts = pixel_rule(stage.op, self.words)
            whole, room = " ".join(parts), self.page.safe_width / CAPITAL["note"]
            sizes = AXES_JOINT.join(pixel_sizes(stage.op, stage.input, words))
            return [sizes, *([whole] if text_width(whole) <= room else parts)]
        around = "zeros" if stage.gathers and isinstance(stage.op, Pad) else "padding"
        lines = size_formulas(stage.op, stage.input, words, around)
        if self.contents.in_rows and self._fit_in_one(size_formulas(stage.op, stage.input, None, around)):
            lines = [AXES_JOINT.join(lines)]
        if isinstance(stage.op, DeformConv2d):
            channels = stage.op.offset_shape(stage.input)[-3]
            lines = [self.words("offset_rule", count(channels), size(stage.op.each("kernel_size"))), *lines]
        if not stage.gathers or (number + 1 < len(self.stages) and self.stages[number + 1].number == stage.number):
            return lines
        whole = size_formulas(stage.told, stage.source, words)
        return [*(self.words("in_all", line) for line in whole), *(self.words("in_step", line) for line in lines)]

    @cached_property
    def one_rule(self) -> bool:
        """Whether sizes follow from each other in the same way in every stage: then it holds of the result, too."""
        return len({tuple(self.formulas(n)) for n, stage in enumerate(self.stages) if not stage.again}) == 1

    def _fit_in_one(self, lines: list[str]) -> bool:
        """Whether several lines have room in one, in wide pictures beside what a stage costs."""
        room = (1.0 if self.page.narrow else NOTE_SHARE) * self.page.safe_width / CAPITAL["note"]
        return len(lines) > 1 and text_width(AXES_JOINT.join(lines)) <= room

    def flattened(self, number: int) -> tuple[int, ...]:
        """The shape, (N,) C, of the cells in a row that a linear layer makes of what it reads; () where they are one
        already, and of all other stages."""
        stage, batched = self.stages[number], self.contents.batch is not None
        shape = self.contents.told_shapes[stage.reads[0]]
        flat = isinstance(stage.told, Linear) and len(shape) > 1 + batched
        return (*shape[:batched], math.prod(shape[batched:])) if flat else ()

    def table(self, number: int) -> list[tuple[str, list[str]]]:
        """The rows of a stage's table: a name, then batch, channels, height, width."""
        stage, after = self.stages[number], self.contents.told_shapes[number + 1]
        op, told, read = stage.op, stage.told, stage.input
        if stage.in_parts:
            op, read, after = told, stage.source, told.output_shape(stage.source)
        batched = self.contents.batch is not None
        axes = max(len(op.split(read)[1]), len(after) - batched) - 1
        names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[axes]
        rows = [("", [self.words(key) for key in ("batch", "channels", *names)])]
        source = self.words("input") if stage.in_parts else self.called(stage.reads[0])
        shape = self.contents.told_shapes[stage.reads[0]] if isinstance(told, Linear | Softmax) else read
        rows.append((source, _columns(shape, axes, batched)))
        if isinstance(told, Linear):
            rows.append((self.words("weights", count(told.out_features)), ["", count(told.in_features), *[""] * axes]))
        elif isinstance(op, Weighted):
            filters, fan_in = (1, op.filters) if self.contents.is_partial(number) else (op.filters, op.fan_in())
            kernel = [*map(count, (fan_in, *op.each("kernel_size")))]
            rows.append((self.words("kernel", filters), ["", *kernel]))
            if isinstance(op, DeformConv2d):
                rows.append((self.words("offsets"), _columns(op.offset_shape(read), axes, batched)))
        elif stage.slide is not None and max(extents := stage.spans[0][-axes:]) > 1:
            rows.append((self.words("window"), ["", "", *map(str, extents)]))
        output = self.words("output") if stage.in_parts else self.called(number + 1)
        if self.contents.is_partial(number):  # of which the call speaks; what is in between says its shape itself
            output, after = self.called(number + 2), self.contents.told_shapes[number + 2]
        rows.append((output, _columns(after, axes, batched)))
        return rows

    @cached_property
    def whole_table(self) -> list[tuple[str, list[str]]]:
        """The rows of the table that stands on the result of several stages: every tensor, and the kernels (and how
        many parameters) that made it where there is room; none where they are many."""
        shapes = self.contents.told_shapes
        head, batched = self.table(0)[0], self.contents.batch is not None
        whole = {len(shapes[0]), 1 + batched}  # a vector is nothing but channels
        few = 2 < len(shapes) < WHOLE_ROWS and not any(stage.again for stage in self.stages)
        if not few or self.one_product or not {len(shape) for shape in shapes} <= whole:
            return []
        title = 0.0 if self.page.narrow else text_width(self.title) * CAPITAL["title"]
        for rows in self._with_kernels:
            if sum(self.table_widths(rows)) <= max(self.page.safe_width - title, self._stages_width):
                return rows
        return [head, *((name, _columns(shape, len(head[1]) - 2, batched)) for name, shape, _ in self._all_shapes)]

    @cached_property
    def summary(self) -> list[tuple[str, list[str]]]:
        """The rows of all tensors where these are many; else those of a table that stands beside a stage's things."""
        return self._result_rows if not self.whole_table and len(self.contents.shapes) >= WHOLE_ROWS else []

    @cached_property
    def _result_rows(self) -> list[tuple[str, list[str]]]:
        """A row for each tensor: its name, shape, the kernels and how many parameters made it.

        First the names of the columns. Kernels are left out where they would take too much of the picture's width.
        """
        if "table" not in self.show or self._in_steps:
            return []
        room = (1.0 if self.page.narrow else SUMMARY_SHARE) * self.page.safe_width
        wider = self._with_kernels[:1]
        if wider and sum(self.table_widths(wider[0])) <= room:
            return wider[0]
        return [(name, [shape, made]) for name, (shape, *_, made) in self._rows_of_all]

    @property
    def _in_steps(self) -> bool:
        """Whether there are rows one below the other, or products of matrices: shapes are of no single way."""
        return self.contents.in_rows or any(stage.in_parts for stage in self.stages)

    @property
    def _rows_of_all(self) -> list[tuple[str, list[str]]]:
        """Of every tensor its name, shape, the kernels, their dilation if any is dilated, and how many parameters made
        it; first the columns' names."""
        names, shapes, makers = zip(*self._all_shapes, strict=True)
        kernels = [size(made.told.weight_shape or ()) if made and made.op.weight_shape else "" for made in makers]
        rates = [_dilation(made.op) if made and kernel else "" for made, kernel in zip(makers, kernels, strict=True)]
        columns = [
            [self.words("shape"), *map(size, shapes)],
            [self.words("kernels"), *kernels],
            *([[self.words("dilation"), *rates]] if set(rates) - {"", "1"} else []),
            [self.words("of_parameters"), *(_parts_of_parameters(made.op) if made else "" for made in makers)],
        ]
        return [(name, list(row)) for name, *row in zip(("", *names), *columns, strict=True)]

    @property
    def _all_shapes(self) -> list[tuple[str, tuple[int, ...], Shown | None]]:
        """Of every tensor, and of what is flattened for a linear layer: its name, shape and the stage that made it."""
        rows: list[tuple[str, tuple[int, ...], Shown | None]] = [(self.called(0), self.contents.told_shapes[0], None)]
        for number, (stage, shape) in enumerate(zip(self.stages, self.contents.told_shapes[1:], strict=True)):
            if flat := self.flattened(number):
                rows.append((self.words("made_Flatten"), flat, None))
            rows.append((self.called(number + 1), shape, stage))
        return rows

    @property
    def _with_kernels(self) -> list[list[tuple[str, list[str]]]]:
        """The same as a table, then closer, and with less and less in it; none where there are no kernels, or more than
        one way."""
        rows = self._rows_of_all
        if self._in_steps or not any(row[1] for _, row in rows[1:]):
            return []
        close = [(name, [text.replace(TIMES, TIMES.strip()) for text in row]) for name, row in rows]
        fewer = ([(name, row[:most]) for name, row in rows] for most in range(len(rows[0][1]) - 1, 1, -1))
        return [rows, close, *fewer]

    @property
    def result_table(self) -> list[tuple[str, list[str]]]:
        """The rows of all tensors as far as the last picture of a travelling camera has room: a gap for the rest."""
        head, rows = self._result_rows[:1], self._result_rows[1:]
        note = CAPITAL["note"] * LINE_HEIGHT
        high = self.page.safe_height - self._result_footer
        if self.page.narrow:
            high -= RESULT_ROOM + (self.caption_room()[0] if self.page.tall else self.result_heading_height)
        most = max(3, int(high / note) - 1)
        if len(rows) > most:
            first = most // 2
            rows = [*rows[:first], ("…", ["…", *[""] * (len(head[0][1]) - 1)]), *rows[len(rows) - (most - first - 1) :]]
        return [*head, *rows]

    @property
    def _result_footer(self) -> float:
        """Height of what stands in the last picture's lower corners, in reference pixels: the cost, and a note."""
        note = CAPITAL["note"] * LINE_HEIGHT
        return (1 + (len(self.note_lines()) + len(self.merged_lines) if self.page.narrow else 0)) * note + 6.0

    @property
    def merged_lines(self) -> list[str]:
        """What is said of that below them."""
        return self.story_lines(len(self.stages) - 1) if self.contents.ends_merged else []

    @cached_property
    def result_lines(self) -> list[str]:
        """What the scene is about, below the title of the last picture."""
        width = self.page.safe_width
        if not self.page.narrow:
            width -= sum(self.table_widths(self._result_rows)) + COLUMN_GAP
        return broken(self.about, width / CAPITAL["line"]) if self.about else []

    @property
    def result_heading_height(self) -> float:
        """The same of the title and these."""
        return (CAPITAL["title"] + len(self.result_lines) * CAPITAL["line"]) * LINE_HEIGHT

    def result_rooms(self) -> list[Result]:
        """What the table of all stages leaves to the last tensor: beside it or below it; in tall pictures, above."""
        if not self._result_rows:
            return []
        top, bottom = self.caption_room()
        table = len(self.result_table) * CAPITAL["note"] * LINE_HEIGHT + 8.0
        if not self.page.narrow:
            wide = sum(self.table_widths(self.result_table)) + COLUMN_GAP
            top = max(top, self.result_heading_height + 8.0)
            return [Result(wide, top, bottom), Result(0.0, max(top, table), bottom)]
        if self.page.tall:
            return [Result(0.0, top, max(bottom, self._result_footer + table))]
        return [Result(0.0, self.result_heading_height + table, self._result_footer)]

    @property
    def result_top(self) -> float:
        """How far below the upper margin the table of the last picture begins, in reference pixels."""
        if not self.page.narrow:
            return 0.0
        if not self.page.tall:
            return self.result_heading_height
        high = self.page.safe_height - self._result_footer
        return high - len(self.result_table) * CAPITAL["note"] * LINE_HEIGHT

    @cached_property
    def summary_columns(self) -> list[list[tuple[str, str]]]:
        """Names and shapes in columns, on as few lines as fit beside the title: on the result of a trace back, of a
        product of matrices, or of rows one below the other, of which each stage has a line of shapes if that takes no
        more room.

        There the camera stands still, and the table takes height from all things; of rows, which need it, no more than
        title and calls do if that can be, and of a product no more than its other table.
        """
        most = MAX_SUMMARY_LINES
        if self.contents.in_rows:
            least = max(map(len, map(self.call_lines, range(len(self.stages))))) if self.page.narrow else ROW_LINES
            tellings = self._told_rows if "table" in self.show else []
        elif self.one_product:
            least = most = len(self.table(0))
            tellings = [self._things] if "table" in self.show else []
        elif self.contents.traces and self.summary:
            least = max(len(self.table(number)) for number in range(len(self.stages)))
            tellings = [[(name, shape) for name, (shape, *_) in self.summary[1:]]]
        else:
            return []
        wide = self.page.safe_width if self.page.narrow else self.beside_title
        if self.one_product:
            wide = max(wide, self._stages_width)
        for lines in range(least, most + 1):
            for rows in tellings:
                high = math.ceil(len(rows) / math.ceil(len(rows) / lines))  # all columns alike
                columns = [rows[i : i + high] for i in range(0, len(rows), high)]
                if sum(sum(widths) for widths in map(self.pair_widths, columns)) <= wide:
                    return columns
        return []

    @property
    def one_product(self) -> bool:
        """Whether the scene is one operation, seen as a product of matrices."""
        return self._calls_at_once and self.stages[0].in_parts

    @property
    def _things(self) -> list[tuple[str, str]]:
        """All that there is of such a product, in reading order."""
        things = [(self.called(0), self.contents.told_shapes[0])]
        for number, (stage, made) in enumerate(zip(self.stages, self.contents.told_shapes[1:], strict=True)):
            things += [*(self.factors(number) if stage.is_product else []), (self.called(number + 1), made)]
        return [(name, "×".join(map(count, shape))) for name, shape in things]

    @property
    def _told_rows(self) -> list[list[tuple[str, str]]]:
        """What is told of such rows: of every stage its line of shapes, once if all are alike; or of every tensor its
        shape."""
        following = [*(stage.number for stage in self.stages[1:]), None]
        pairs = enumerate(zip(self.stages, following, strict=True), start=1)
        ends = [0, *(n for n, (one, after) in pairs if not one.again and not (one.in_parts and one.number == after))]
        lines = [(self.called(tensor), " ".join(self.shape_lines(tensor - 1))) for tensor in ends[1:]]
        if len({line for _, line in lines}) == 1:
            lines = [("", self.words("each_way", lines[0][1]))]
        shapes = [(self.called(tensor), "×".join(map(count, self.contents.told_shapes[tensor]))) for tensor in ends]
        return [lines, shapes]

    @property
    def columns_top(self) -> float:
        """How far below the upper margin these columns begin, in reference pixels: calls give way to those of rows."""
        if not self.page.narrow:
            return 0.0
        return CAPITAL["title"] * LINE_HEIGHT if self.contents.in_rows else self.heading_height

    @property
    def beside_title(self) -> float:
        """The width that the title leaves, in reference pixels."""
        return self.page.safe_width - text_width(self.title) * CAPITAL["title"] - COLUMN_GAP

    @cached_property
    def told_beside(self) -> bool:
        """Whether each stage of such rows has a line of shapes for a table: beside the title it takes no height."""
        lines = [" ".join(self.shape_lines(number)) for number in range(len(self.stages))]
        fits = max(map(text_width, lines)) * CAPITAL["note"] <= self.beside_title
        return self.contents.in_rows and bool(self.summary_columns) and fits

    def axes_beside(self, number: int) -> str:
        """What the numbers of that line are, for the line below it, beside calls: in words or as PyTorch has them,
        ``N×C×H×W``; nothing where no call leaves room for that."""
        calls = max(text_width(self.call_lines(n)[0]) for n in range(len(self.stages)))
        room = self.page.safe_width / CAPITAL["line"] - calls - COLUMN_GAP / CAPITAL["line"]
        heads = self.table(number)[0][1]
        initials = "NC", {1: "L", 2: "HW", 3: "DHW"}[len(heads) - 2]
        said = (" × ".join(heads), "×".join("".join(initials)))
        return next((line for line in said if text_width(line) <= room), "")

    @staticmethod
    def pair_widths(rows: list[tuple[str, str]]) -> tuple[float, float]:
        """Widths of a column's names and shapes in reference pixels."""
        name, shape = (max(map(text_width, texts)) for texts in zip(*rows, strict=True))
        return name * CAPITAL["note"] + COLUMN_GAP, shape * CAPITAL["note"] + COLUMN_GAP / 2.0

    def shape_lines(self, number: int) -> list[str]:
        """The rows of a stage's table in one, on as few lines as hold it: ``1×8×7×7 → kernels: 8×4×3×3 → 1×8×5×5``."""
        (_, read), *between, (_, made) = [(name, "×".join(filter(None, row))) for name, row in self.table(number)[1:]]
        op, linear = self.stages[number].op, isinstance(self.stages[number].told, Linear)
        if between and isinstance(op, Weighted) and not linear:  # as many numbers as others have axes
            filters = 1 if self.contents.is_partial(number) else op.filters
            between[0] = (self.words("kernels"), f"{count(filters)}×{between[0][1]}")
        told = (f"{name}{self.words.colon}{shape}" for name, shape in between)
        return self._in_a_row([read, *told, made], " →")

    @property
    def tells_whole(self) -> bool:
        """Whether shapes of all tensors stand on the result, in the place of the last stage's."""
        return bool(self.whole_table or self.summary_columns)

    @property
    def whole_lines(self) -> list[str]:
        """The same of all tensors, where a table of these stands on the result."""
        if not self.tells_whole:
            return []
        if self.one_product:
            things = [f"{name}{self.words.colon}{shape}" for name, shape in self._things]
            return self._in_a_row(things, self.words.comma.rstrip())
        shapes = ["×".join(map(count, shape)) for shape in self.contents.told_shapes]
        if self.contents.chain is not None:
            return self._in_a_row(shapes, " →")
        return self._in_a_row(
            [f"{self.called(i)} {shape}" for i, shape in enumerate(shapes)], self.words.comma.rstrip()
        )

    def _in_a_row(self, parts: list[str], joint: str) -> list[str]:
        """The parts, with joints between them, on lines of the picture's width."""
        lines: list[str] = []
        for part in [*(part + joint for part in parts[:-1]), parts[-1]]:
            if lines and text_width(f"{lines[-1]} {part}") * CAPITAL["note"] <= self.page.safe_width:
                lines[-1] += f" {part}"
            else:
                lines.append(part)
        return lines

    @property
    def tables(self) -> list[list[tuple[str, list[str]]]]:
        """All that ever stand there; none beside rows one below the other that are told in columns."""
        if "table" not in self.show or (self.contents.in_rows and self.summary_columns):
            return []
        return [*(self.table(number) for number in range(len(self.stages))), *filter(None, [self.whole_table])]

    def table_widths(self, rows: list[tuple[str, list[str]]]) -> list[float]:
        """Widths of a table's columns in reference pixels, that of the names last."""
        columns = [[values[i] for _, values in rows] for i in range(len(rows[0][1]))]
        columns.append([name for name, _ in rows])
        return [max(map(text_width, column)) * CAPITAL["note"] + COLUMN_GAP for column in columns]

    def legend_lines(self, number: int) -> list[str]:
        """What is left out of a stage's input, filters and output, a line or more for each."""
        width = (1.0 if self.page.narrow else LEGEND_SHARE) * self.page.safe_width
        things = [("input", self.tensor_left_out(number)), ("output", self.tensor_left_out(number + 1))]
        if number in self.contents.banks:
            things.insert(1, ("kernels", self.bank_left_out(number)))
        lines: list[str] = []
        for name, left_out in things:
            line = self.words(name) + self.words.colon
            for i, parts in enumerate(left_out):
                told = " ".join(parts) + (self.words.comma if i + 1 < len(left_out) else "")
                if text_width(line + told.rstrip()) * CAPITAL["note"] > width:
                    lines.append(line.rstrip())
                    line = ""
                line += told
            lines += [line] if left_out else []
        return lines

    @property
    def heading_width(self) -> float:
        """The room for title and call in reference pixels: what the table leaves, or in narrow pictures all."""
        width = self.page.safe_width
        if self.legend and not self.page.narrow:
            return width - LEGEND_SHARE * width - COLUMN_GAP
        if self.page.narrow or not self._widest_table:
            return width
        return width - self._widest_table - COLUMN_GAP

    @cached_property
    def _stages_width(self) -> float:
        """The width of the widest of the stages' tables: title and calls leave so much in any case."""
        return max(sum(self.table_widths(self.table(number))) for number in range(len(self.stages)))

    @cached_property
    def _widest_table(self) -> float:
        columns = [sum(map(sum, map(self.pair_widths, self.summary_columns)))] if self.one_product else []
        return max((*columns, *(sum(self.table_widths(rows)) for rows in self.tables)), default=0.0)

    @cached_property
    def _calls(self) -> list[str]:
        return torch_calls(self.scene)

    def call_lines(self, number: int) -> list[str]:
        """The operations as PyTorch writes them, broken after commas where they do not fit on a line."""
        stage = self.stages[number]
        return self._call_lines(self._calls[stage.number - len(stage.stages) : stage.number])

    def _call_lines(self, calls: list[str]) -> list[str]:
        lines: list[str] = []
        for call in calls:
            lines.append("")
            for part in re.split("(?<=, )", call):
                if lines[-1] and text_width(lines[-1] + part.rstrip()) * CAPITAL["line"] > self.heading_width:
                    lines.append("    ")
                lines[-1] += part
        return [line.rstrip() for line in lines]

    @cached_property
    def whole_call(self) -> list[str]:
        """The calls of all stages, on the result of several where the camera stays; none if they are too many lines."""
        if self.summary_columns or self._calls_at_once:
            return []
        return self._headed(self._call_lines(self._calls))

    @cached_property
    def whole_story(self) -> list[str]:
        """What the scene is about, where that is told in the place of these calls."""
        if self.summary_columns or self._calls_at_once or self.whole_call:
            return []
        return self._headed(broken(self.about, self.heading_width / CAPITAL["line"])) if self.about else []

    def first_line(self, lines: list[str]) -> float:
        """How far below the upper margin the first of these lines below the title stands, in reference pixels."""
        taken = text_descent(self.title) * CAPITAL["title"] + max(map(text_ascent, lines)) * CAPITAL["line"]
        return CAPITAL["title"] + max(CAPITAL["line"] * LINE_HEIGHT, taken)

    @property
    def _calls_at_once(self) -> bool:
        """Whether all calls are told together from the beginning: they are one stage."""
        return self.stages[0].number == self.stages[-1].number

    def _headed(self, lines: list[str]) -> list[str]:
        """The lines, if there is room for them below the title."""
        high = (CAPITAL["title"] + len(lines) * CAPITAL["line"]) * LINE_HEIGHT
        room = self.heading_height if self.page.narrow else self.caption_room()[0] - 8.0
        return lines if high <= room else []

    def note_lines(self) -> list[str]:
        """The scene's own last word, on as many lines as it takes."""
        return self._stacked(self.scene.note.in_language(self.language))

    def story_lines(self, number: int) -> list[str]:
        """What a stage is about, on as many lines as it takes: what happens to the cells, or what the scene tells."""
        stage = self.stages[number]
        does = f"does_{type(stage.op).__name__}"
        axes = len(stage.item) - 1
        if isinstance(stage.op, Pad) and stage.op.padding_mode == "zeros" and np.min(stage.op.sides(axes)) >= 0:
            does = "does_Pad_zeros_left" if stage.op.sides(axes)[0][1] == 0 < axes == 1 else "does_Pad_zeros"
        if stage.gathers and isinstance(stage.op, ZeroInsert):
            zeros = (stride - 1 for stride in per_axis(stage.op.stride, axes))
            return self._stacked(self.words("gather_ZeroInsert", _one_or_each(zeros)))
        if stage.gathers and isinstance(stage.op, Pad):
            return self._stacked(self._gather_padding(stage.told, [before for before, _ in stage.op.sides(axes)]))
        bias = self.biases[number] if self.biases and isinstance(stage.op, ChannelSum) else None
        if bias is not None:
            return self._stacked(self.words("does_ChannelSum_bias", told(float(bias[0]))))
        if stage.slide is not None or stage.again or does not in self.words:
            modes = self._padding_modes
            if stage.slide is not None and number > 0 and isinstance(self.stages[number - 1].op, ChannelShuffle):
                return self._stacked(self.words("renumbered"))
            padding = self._around(modes[number]) if number in modes else self._of_pooled_padding(number)
            if number in modes and set(modes.values()) != {"zeros"}:
                return self._stacked(padding)
            lines = self._stacked(self.words.pause.join(filter(None, (self.about, padding))))
            return self._stacked(self.about) if number in modes and self.about and len(lines) > 1 else lines
        if isinstance(stage.op, PixelShuffle | PixelUnshuffle):
            factor = factor_of(stage.op)
            return self._stacked(self.words(does, factor, factor**2))
        if isinstance(stage.op, Add | Mul):
            joined = f" {self.joint(number)} ".join(map(self.called, stage.reads))
            return self._stacked(self.words("merged", joined))
        kernels = getattr(stage.told, "filters", 1)
        return self._stacked(self.words.counted(does, kernels) + self._of_padding(stage))

    @property
    def scale_lines(self) -> list[str]:
        """How the lightness of cells follows their numbers, where these are shown and it does everywhere."""
        by_place = any(stage.is_product or isinstance(stage.op, Columns) for stage in self.stages)
        lines = [] if by_place or self.biases is None else self._stacked(self.words("scale"))
        return lines if len(lines) <= self.told_lines else []

    def _around(self, mode: str) -> str:
        """What padding of this mode is, whose zeros have digits where values are shown."""
        return self.words(f"around_{mode}{'_shown' * (mode == 'zeros' and self.biases is not None)}")

    def mixing_lines(self, mixes: str) -> list[str]:
        """What is told of a stage that is of new hues, as its groups or each of its filters mix what groups made."""
        return self._stacked(self.words(mixes))

    def view_lines(self, number: int) -> list[list[str]]:
        """What becomes of the cells in each arrangement of a Move that has several; none of any other stage."""
        stage = self.stages[number]
        if not self.contents.several_views(number):
            return []
        assert isinstance(stage.op, Move)
        shapes = stage.op.view_shapes(stage.item)
        before, texts = stage.item, []
        groups, last = self.contents.splits[number + 1], list(shapes)[-1]
        for name, shape in shapes.items():
            key = f"does_{type(stage.op).__name__}_{name}"
            if name == last and 1 < groups < stage.item[0] and f"{key}_groups" in self.words:
                texts.append(self.words(f"{key}_groups", stage.item[0], groups))
                continue
            known = self.words(key, stage.item[0], *shape)
            texts.append(
                known if key in self.words else self.words("becomes", self.words(name), size(before), size(shape))
            )
            before = shape
        return [self._stacked(text, self.counter_width(number)) for text in texts]

    def opened_lines(self, number: int) -> list[str]:
        """What is told while cells are small before a window deep in a volume; none of a stage that has no such."""
        if not isinstance(self.stages[number].op, Slide | Columns):
            return []
        deep = self.sight(number).reads[0]
        writes = self.stages[number].slide is not None and self.sight(number).fills
        if not writes and (deep is None or not np.ptp(deep.first)):
            return []
        return self._stacked(self.words("opened_both" if writes else "opened"))

    def counted(self, number: int, view: int = 0) -> str:
        """What the counter counts."""
        stages, views = self.count_of(len(self.stages) - 1), len(self.contents.view_shapes(number))
        if views > 1:
            which = view + 1, views, self.count_of(number), stages
            return self.words("stage_view_step" if stages > 1 else "view_step", *which)
        return self.words("stage_step", self.count_of(number), stages) if stages > 1 else self.words("step")

    def counter_width(self, number: int) -> float:
        """How wide the counter of a stage is, in capitals."""
        steps = max(self.contents.move_turns(number)) * (self.contents.batch or 1)
        return text_width(f"{self.counted(number)}  {count(steps)} / {count(steps)}")

    def _gather_padding(self, op: Operation, sides: list[int]) -> str:
        """Why a transposed convolution that gathers has so many zeros before the first cell of each axis."""
        assert isinstance(op, ConvTranspose)
        dilated, more = max(op.each("dilation")) > 1, op.each("output_padding")
        told = self.words("gather_Pad_dilated" if dilated else "gather_Pad", _one_or_each(sides))
        return told + (self.words("gather_more", _one_or_each(more)) if any(more) else "")

    def flip_lines(self, number: int) -> list[str]:
        """What is told while a stage's kernel is flipped."""
        bank = bank_shape(self.stages[number].op)
        return self._stacked(self.words("flip" if bank and bank[0] == 1 else "flip_all"))

    def _of_padding(self, stage: Shown) -> str:
        """What becomes of the padding where cells are set in order for a product with a convolution's windows."""
        conv = stage.over
        if not isinstance(conv, Conv) or not any(map(any, conv.window.padding)):
            return ""
        made = "columns" if isinstance(stage.op, Columns) else "matrix"
        return self.words(f"{made}_{'zeros' if conv.padding_mode == 'zeros' else 'copies'}")

    @cached_property
    def _padding_modes(self) -> dict[int, str]:
        """Those of the convolutions that padding is drawn for, by their stages."""
        convs = {n: stage.op for n, stage in enumerate(self.stages) if any(map(sum, self.contents.padding(n)))}
        return {n: op.padding_mode for n, op in convs.items() if isinstance(op, Conv) and not self.stages[n].gathers}

    def _of_pooled_padding(self, number: int) -> str:
        """What a pool makes of the padding that is seen around what it reads."""
        op = self.stages[number].op
        if not isinstance(op, Windowed) or not any(map(sum, self.contents.padding(number))):
            return ""
        if op.reduce == "sum":
            return self.words("padding_mean" if getattr(op, "count_include_pad", True) else "padding_apart")
        return self.words("padding_max") if op.reduce == "max" else ""

    @property
    def told_lines(self) -> int:
        """How many lines there are above the formulas: one for the first step at the least."""
        stories = [self.story_lines(number) for number in range(len(self.stages))]
        stories += [lines for number in range(len(self.stages)) for lines in self.view_lines(number)]
        stories += [self.opened_lines(number) for number in range(len(self.stages))]
        return max(1, *map(len, (self.note_lines(), *stories, *map(self.flip_lines, self.contents.flipped))))

    def _stacked(self, text: str, beside: float = 0.0) -> list[str]:
        """On lines in the lower left corner, beside the counter where there is room for both.

        ``beside``: how wide the counter is, in capitals, if that may be more than what other notes leave.
        """
        whole = self.page.safe_width / CAPITAL["note"]
        width = whole if self.page.narrow else min(NOTE_SHARE * whole, whole - beside - 2.0)
        return broken(text, width) if text else []

    @property
    def heading_height(self) -> float:
        """Height of title and call in reference pixels."""
        lines = max(len(self.call_lines(n)) for n in range(len(self.stages)))
        return (CAPITAL["title"] + lines * CAPITAL["line"]) * LINE_HEIGHT

    def caption_room(self) -> tuple[float, float]:
        """Heights above and below the tensors, in reference pixels."""
        note = CAPITAL["note"] * LINE_HEIGHT
        columns = 0.0 if self.brief else max(map(len, self.summary_columns), default=0) * note
        table = max(map(len, self.tables), default=0) * note
        if self.brief:
            table = max(len(self.whole_lines), *(len(self.shape_lines(n)) for n in range(len(self.stages)))) * note
        if self.legend:
            table = max(len(self.legend_lines(n)) for n in range(len(self.stages))) * note
        top = self.heading_height + table if self.page.narrow else max(self.heading_height, table)
        top = max(top, self.columns_top + columns) + 8.0
        footer = max(len(self.formulas(n)) for n in range(len(self.stages))) + self.told_lines
        footer = max(footer, *(len(lines) + len(self.note_lines()) for lines in self.trace_lines), 0)
        if self.page.narrow:
            return top, (footer + 2) * note + 6.0
        return top, max(footer, 1 + self.told_lines) * note + 6.0


def _parts_of_parameters(op: Operation) -> str:
    """How many parameters made a tensor: ``288 + 32``, weights and biases, ``72``; nothing where it took none."""
    biases = biases_of(op)
    parts = [op.num_parameters - biases, biases] if biases else [op.num_parameters]
    return " + ".join(map(count, filter(None, parts)))


def _dilation(op: Operation) -> str:
    """How far apart the weights of an operation's kernels are: ``2``, or ``2×1`` where that hangs on the axis."""
    rates = list(map(str, op.each("dilation") if isinstance(op, Conv) else (1,)))
    return "×".join(rates if len(set(rates)) > 1 else rates[:1])


def _one_or_each(numbers: Iterable[int]) -> str:
    """``2`` if all are alike, else ``2, 1``."""
    told = list(map(str, numbers))
    return ", ".join(told if len(set(told)) > 1 else told[:1])


def _columns(shape: tuple[int, ...], axes: int, batched: bool) -> list[str]:
    """Batch, channels and so many spatial axes as the table shows them; of fewer the last ones, as the cubes stand."""
    numbers = [*([] if batched else ["1"]), *map(count, shape)]
    return [*numbers[:2], *[""] * (2 + axes - len(numbers)), *numbers[2:]]
