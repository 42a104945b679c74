"""The words in their place: heading, table, formula, counter, narration, labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import groupby, pairwise

from ..conv_math import DeformConv2d, Linear, Merge, Mul, Slide, Upsample
from ..conv_math.conv import Weighted
from ..conv_math.matrix import MatrixProduct
from ..conv_math.pool import AdaptiveAvgPool, AvgPool
from ..conv_math.transposed import ConvTranspose
from .arithmetic import MOST_PARTS, added, merged, mixture, multiplied, narrated, sum_of
from .captions import Words, biases_of, count
from .contents import Shown
from .filters import met_at_once, swelling
from .layout import (
    CAPITAL,
    LABEL_GAP,
    LINE_HEIGHT,
    SIDE,
    TOP,
    WINDOW_ROOM,
    Item,
    Placed,
    broken,
    label_texts,
    mark_place,
    note_texts,
    text_ascent,
    text_width,
    without_pad,
)
from .numerals import told
from .pacing import LAND, WRITE, Beat
from .parts import Act
from .plan import Plan
from .scenefile import filter_names
from .sight import ChannelSum, RowProduct, Sight, shares_mixed
from .story import Caption, ripened, vector
from .viewpoint import foot, mark_foot

HALO = 2.0
"""Around the letters of what stands among things, in reference pixels: cells on their way pass behind them."""
READ_SECONDS, SCALE_SECONDS = 0.5, 1.0
"""In less time what is mixed in a step cannot be read, nor how lightness follows values."""
WORD_SECONDS = 0.1
"""In less time a word is but a flicker."""
HARDLY = 1.0
"""So much more room a word takes that others stand for, in heights of a capital: there is more between labels."""
LISTED = 6.0
"""What is kept free for the first of the numbers in a list, in capitals."""
BETWEEN = 1.5
"""Between two texts on a line, in capitals."""


@dataclass(frozen=True)
class _Cost(Caption):
    """What something costs: multiply-accumulates, which are MACs where one of them has no room for more."""

    shorter: str = ""


def all_captions(plan: Plan) -> Iterator[Caption]:
    captions = list(_captions(plan))
    costs = [caption for caption in captions if isinstance(caption, _Cost)]
    abbreviated = any(cost.body == cost.shorter for cost in costs)
    for caption in captions:
        if not isinstance(caption, _Cost):
            yield caption
            continue
        told = {field.name: getattr(caption, field.name) for field in fields(Caption)}
        yield replace(Caption(**told), body=caption.shorter if abbreviated else caption.body)


def _captions(plan: Plan) -> Iterator[Caption]:
    yield from _heading(plan)
    for number, act in _told(plan):
        first, last = _spell(plan, act)
        yield from _facts(plan, number, first, last)
        yield from _footer(plan, number, act, first, last)
        narration: list[Caption] = []
        if act.told:
            narration = list((_merging if isinstance(act.stage.op, Merge) else _narration)(plan, number, act))
        narration = sorted((*narration, *_passing(plan, number, act), *_mixing(plan, number, act)), key=_first)
        yield from narration
        yield from _story(plan, number, first, last, narration)
    yield from _flips(plan)
    yield from _traces(plan)
    yield from _note(plan)
    if plan.time.leaves:
        yield from _result(plan)
    yield from labels(plan)
    yield from _half_way(plan)
    yield from marks(plan)


def _told(plan: Plan) -> Iterator[tuple[int, Act]]:
    """The stages that take time, by number, and when."""
    yield from ((number, act) for number, act in enumerate(plan.time.acts) if not act.stage.again)


def _spell(plan: Plan, act: Act) -> tuple[int, int]:
    """The frames on which an act's words stand: from its predecessor's end; the first has the title hold too."""
    following = [other.first_frame - 1 for other in plan.time.played if other.first_step > act.first_step]
    return 1 if act.first_step == 0 else act.first_frame, min(following, default=plan.time.frames)


def _corner(plan: Plan, x: float, y: float, right: bool = False, bottom: bool = False) -> tuple[float, float]:
    """A point in the picture's plane, given in reference pixels from a corner of the safe area."""
    f = plan.frame
    px = f.width / 2 - (SIDE + x) * f.pixel
    py = f.height / 2 - (TOP + y) * f.pixel
    return (px if right else -px, -py if bottom else py)


def _text(plan: Plan, name: str, body: str, kind: str, at: tuple[float, float], align: str, **more: object) -> Caption:
    options = {"color": plan.theme.text, "first": 1, "last": plan.time.frames} | more
    at = (float(at[0]), float(at[1]))
    return Caption(name, body, at, plan.frame.capital(kind), align, **options)  # pyright: ignore[reportArgumentType]


def _heading(plan: Plan) -> Iterator[Caption]:
    y = CAPITAL["title"]
    yield _fitted(plan, _text(plan, "title", plan.told.title, "title", _corner(plan, 0, y), "left"))
    for number, act in _told(plan):
        first, last = _spell(plan, act)
        yield from _call(plan, f"call-{number + 1}", plan.told.call_lines(number), first, _before_whole(plan, last))
    if not plan.time.leaves:
        yield from _call(plan, "call-result", plan.told.whole_call, plan.time.result_frame, plan.time.frames)
        yield from _below_title(plan, "story-result", plan.told.whole_story, plan.time.result_frame, plan.time.frames)


def _call(plan: Plan, key: str, lines: list[str], first: int, last: int) -> Iterator[Caption]:
    """Lines below the title, smaller where one of them would run out of the heading's room."""
    yield from (_fitted(plan, caption) for caption in _below_title(plan, key, lines, first, last))


def _below_title(plan: Plan, key: str, lines: list[str], first: int, last: int) -> Iterator[Caption]:
    for i, line in enumerate(lines, start=1):
        at = _corner(plan, 0, plan.told.first_line(lines) + (i - 1) * CAPITAL["line"] * LINE_HEIGHT)
        name = key if i == 1 else f"{key}-{i}"
        faint = plan.theme.faint_text
        yield _text(plan, name, line, "line", at, "left", color=faint, first=first, last=last)


def _fitted(plan: Plan, caption: Caption) -> Caption:
    """The caption, smaller if it would run out of the heading's room."""
    room = plan.told.heading_width * plan.frame.pixel
    wide = text_width(caption.body) * caption.size
    return caption if wide <= room else replace(caption, size=caption.size * room / wide)


def _facts(plan: Plan, number: int, first: int, last: int) -> Iterator[Caption]:
    """In the upper right corner: a stage's table, and on the result that of all stages."""
    end = _before_result(plan, last)
    if plan.told.legend:
        replaced = plan.told.summary_columns
        yield from _legend(plan, number, first, end if replaced else _before_summary(plan, last))
    elif plan.told.brief:
        yield from _shapes(plan, f"table-{number + 1}", plan.told.shape_lines(number), first, end)
        yield from _shapes(plan, "table-whole", [] if plan.time.leaves else plan.told.whole_lines, end + 1, last)
    elif plan.told.tables:
        if end < last and plan.told.whole_table and not plan.time.leaves:
            yield from _table(plan, "table-whole", plan.told.whole_table, end + 1, last)
        yield from _table(plan, f"table-{number + 1}", plan.told.table(number), first, end)
    elif plan.told.told_beside:
        at, told = _corner(plan, 0, CAPITAL["note"], right=True), " ".join(plan.told.shape_lines(number))
        yield _text(plan, f"table-{number + 1}", told, "note", at, "right", first=first, last=end)
        if axes := plan.told.axes_beside(number):
            at, faint = _corner(plan, 0, plan.told.first_line([axes]), right=True), plan.theme.faint_text
            yield _text(plan, f"axes-{number + 1}", axes, "note", at, "right", color=faint, first=first, last=end)
    if end < last and not plan.told.brief:
        yield from _columns(plan, end + 1, last)


def _shapes(plan: Plan, key: str, lines: list[str], first: int, last: int) -> Iterator[Caption]:
    """Below the calls; nothing where the last frame is before the first one."""
    top = CAPITAL["note"] + plan.told.heading_height
    for i, line in enumerate(lines if first <= last else ()):
        at = _corner(plan, 0, top + i * CAPITAL["note"] * LINE_HEIGHT)
        yield _text(plan, f"{key}-{i + 1}", line, "note", at, "left", first=first, last=last)


def _before_result(plan: Plan, last: int) -> int:
    """The last frame of a stage's own words: those of all stages take their place on the result."""
    time = plan.time
    return time.result_frame - 1 if last == time.frames and plan.told.tells_whole else _before_summary(plan, last)


def _before_summary(plan: Plan, last: int) -> int:
    """The same where the table of all stages is in the place of the last call, too."""
    time, replaced = plan.time, plan.told.summary_columns and not plan.told.one_product
    return time.result_frame - 1 if last == time.frames and (time.leaves or replaced) else last


def _before_whole(plan: Plan, last: int) -> int:
    """The last frame of a stage's call: on the result all calls, or what the scene is about, take its place."""
    whole = plan.told.whole_call or plan.told.whole_story
    return plan.time.result_frame - 1 if last == plan.time.frames and whole else _before_summary(plan, last)


def _result(plan: Plan) -> Iterator[Caption]:
    """What a travelling camera has in its last picture: what the scene is about, a row for each tensor, the cost."""
    first, last = plan.time.result_frame, plan.time.frames
    yield from _below_title(plan, "story-result", plan.told.result_lines, first, last)
    yield from _table(plan, "table-result", plan.told.result_table, first, last, plan.told.result_top)
    notes = plan.told.note_lines()
    yield _cost(plan, "cost-result", _total_costs(plan), 0, first, last, "".join(notes[-1:]))
    below = 1 + len(notes) if plan.page.narrow else max(1, len(notes))
    above, faint = below * CAPITAL["note"] * LINE_HEIGHT, plan.theme.faint_text
    yield from _stacked(plan, "story-merged", plan.told.merged_lines, first, last, above, faint)
    anew = [plan.told.called(number + 1) for number in range(len(plan.stages)) if plan.mixes(number)]
    said = plan.told.words("new_hues", plan.told.words.comma.join(anew))
    lines = broken(said, plan.page.safe_width / CAPITAL["note"])
    if anew and not plan.page.narrow and not plan.told.merged_lines and below + len(lines) <= 1 + plan.told.told_lines:
        yield from _stacked(plan, "story-mixed", lines, first, last, above, faint)


def _columns(plan: Plan, first: int, last: int) -> Iterator[Caption]:
    """Names and shapes of all tensors in the upper right corner, column by column."""
    top, x = CAPITAL["note"] + plan.told.columns_top, 0.0
    for c, rows in reversed(list(enumerate(plan.told.summary_columns, start=1))):
        names, shapes = plan.told.pair_widths(rows)
        for r, (name, shape) in enumerate(rows, start=1):
            y = top + (r - 1) * CAPITAL["note"] * LINE_HEIGHT
            spots = [(f"table-whole-{c}-{r}", name, x + shapes, plan.theme.faint_text)]
            spots.append((f"table-whole-{c}-{r}-0", shape, x, plan.theme.text))
            for key, body, beside, color in spots if name else spots[1:]:
                at = _corner(plan, beside, y, right=True)
                yield _text(plan, key, body, "note", at, "right", color=color, first=first, last=last)
        x += names + shapes


def _table(
    plan: Plan, key: str, rows: list[tuple[str, list[str]]], first: int, last: int, top: float | None = None
) -> Iterator[Caption]:
    """``top``: how far below the upper margin it begins, if not where a stage's table does; in reference pixels."""
    pitch = CAPITAL["note"] * LINE_HEIGHT
    if top is None:
        top = plan.told.heading_height if plan.page.narrow else 0.0
    top += CAPITAL["note"]
    widths = plan.told.table_widths(rows)
    for r, (name, values) in enumerate(rows):
        y = top + r * pitch
        x = 0.0
        color = plan.theme.faint_text if r == 0 else plan.theme.text
        for column in reversed(range(len(values))):
            if values[column]:
                at, spot = _corner(plan, x, y, right=True), f"{key}-{r}-{column}"
                yield _text(plan, spot, values[column], "note", at, "right", color=color, first=first, last=last)
            x += widths[column]
        if name:
            at, faint = _corner(plan, x, y, right=True), plan.theme.faint_text
            yield _text(plan, f"{key}-{r}", name, "note", at, "right", color=faint, first=first, last=last)


def _legend(plan: Plan, number: int, first: int, last: int) -> Iterator[Caption]:
    top = CAPITAL["note"] + (plan.told.heading_height if plan.page.narrow else 0.0)
    for i, line in enumerate(plan.told.legend_lines(number)):
        at = _corner(plan, 0, top + i * CAPITAL["note"] * LINE_HEIGHT, right=True)
        yield _text(plan, f"elision-{number + 1}-{i + 1}", line, "note", at, "right", first=first, last=last)


def _footer(plan: Plan, number: int, act: Act, first: int, last: int) -> Iterator[Caption]:
    pitch = CAPITAL["note"] * LINE_HEIGHT
    formulas, costs = _formulas(plan, number), _costs(plan, number)
    for i, text in enumerate(reversed(formulas)):
        at, end = _corner(plan, 0, i * pitch, bottom=True), _before_rule(plan, last)
        yield _text(plan, f"formula-{number + 1}-{i + 1}", text, "note", at, "left", first=first, last=end)
    lift, end, beside = _lift(plan, number), last, formulas[-1] if formulas else ""
    if last == plan.time.frames and len(plan.stages) > 1:
        end = plan.time.result_frame - 1
        if not plan.time.leaves:
            stays = beside if _before_rule(plan, last) == last else ""
            yield _cost(plan, "cost-result", _total_costs(plan), lift, plan.time.result_frame, last, stays)
    yield _cost(plan, f"cost-{number + 1}", costs, lift, first, end, beside)
    last = end if plan.time.leaves else last
    if not plan.contents.several_views(number):
        steps = act.first_step, act.steps
        yield from _counter(plan, f"{number + 1}", plan.told.counted(number), steps, lift + 1, first, last)
        return
    for view, (step, steps, begin, end) in enumerate(_view_spells(plan, number, first, last)):
        name = f"{number + 1}-view-{view + 1}"
        if begin <= end:
            yield from _counter(plan, name, plan.told.counted(number, view), (step, steps), lift + 1, begin, end)


def _before_rule(plan: Plan, last: int) -> int:
    """The last frame of a stage's formulas: on the result, too, if they hold of all stages."""
    return last if plan.told.one_rule and not plan.time.leaves else _before_result(plan, last)


def _formulas(plan: Plan, number: int) -> list[str]:
    """Those of a stage: their numbers have names wherever there is room for these beside what stands on their line."""
    bare, named = plan.told.formulas(number), plan.told.formulas(number, plan.told.words)
    beside = [""] * len(bare)
    if not plan.page.narrow and bare:
        last = plan.time.frames  # they stand there, too
        ends = number == len(plan.stages) - 1 > 0 and _before_rule(plan, last) == last
        costs = _costs(plan, number)
        others = (costs[min(3, len(costs) - 1)], *(_total_costs(plan)[-1:] if ends else ()))
        beside[-1] = max(others, key=text_width)
        beside[:-1] = [_widest_counter(plan, number, plan.time.acts[number])] * (len(bare) - 1)
    room = plan.page.safe_width / CAPITAL["note"] - BETWEEN
    fits = all(text_width(line) + text_width(other) <= room for line, other in zip(named, beside, strict=True))
    return named if fits else bare


def _view_spells(plan: Plan, number: int, first: int, last: int) -> list[tuple[int, int, int, int]]:
    """When each arrangement of a Move is made, see Timetable.view_spells; the words of the outer ones stand as long as
    the stage's do."""
    spells = plan.time.view_spells(number)
    spells[0] = (*spells[0][:2], first, spells[0][3])
    spells[-1] = (*spells[-1][:3], last)
    return spells


def _cost(plan: Plan, name: str, costs: tuple[str, ...], line: int, first: int, last: int, beside: str = "") -> Caption:
    """What something costs, so many lines above the lower edge, in the first of these words that there is room for:
    in pairs, of which the second is shorter.

    In wide pictures that is what the text ``beside`` it leaves; the last words are taken in any case.
    """
    right = not plan.page.narrow
    room = plan.page.safe_width / CAPITAL["note"]
    if right and beside:
        room -= text_width(beside) + BETWEEN
    fits = next((i for i, cost in enumerate(costs) if text_width(cost) <= room), len(costs) - 1)
    at = _corner(plan, 0, line * CAPITAL["note"] * LINE_HEIGHT, right=right, bottom=True)
    caption = _text(plan, name, costs[fits], "note", at, "right" if right else "left", first=first, last=last)
    return _Cost(**vars(caption), shorter=costs[fits | 1])


def _lift(plan: Plan, number: int) -> int:
    """How many lines stand below a stage's cost: in wide pictures they are beside it."""
    return len(plan.told.formulas(number)) + plan.told.told_lines if plan.page.narrow else 0


def _counter(
    plan: Plan, name: str, what: str, counts: tuple[int, int], line: int, first: int, last: int
) -> Iterator[Caption]:
    """Which step it is, so many lines above the lower edge; it ``counts`` from a step on so many."""
    first_step, steps = counts
    body = f"{{step}} / {count(steps)}"
    # The number that counts is a text of its own, so that the words beside it stand still.
    apart = (0.5 + text_width(what if plan.page.narrow else body.replace("{step}", count(steps)))) * CAPITAL["note"]
    right, align = not plan.page.narrow, "left" if plan.page.narrow else "right"
    y = line * CAPITAL["note"] * LINE_HEIGHT
    places = {"what": 0.0 if plan.page.narrow else apart, "count": apart if plan.page.narrow else 0.0}
    at = {key: _corner(plan, x, y, right=right, bottom=True) for key, x in places.items()}
    yield _text(plan, f"step-name-{name}", what, "note", at["what"], align, first=first, last=last)
    counter = _text(plan, f"step-{name}", body, "note", at["count"], align, first=first, last=last)
    yield replace(counter, first_step=first_step, steps=steps)


def _flips(plan: Plan) -> Iterator[Caption]:
    """The words while a kernel is flipped: what that is called in PyTorch, which stage it is, what is seen."""
    for number, act in plan.time.flips.items():
        op, (first, last) = plan.sight(number).op, _spell(plan, act)
        assert isinstance(op, Weighted)
        call = f"weight.flip({', '.join(str(2 + axis) for axis in range(len(op.each('kernel_size'))))})"
        for caption in (*_call(plan, f"call-{number + 1}", [call], first, last), *_facts(plan, number, first, last)):
            yield replace(caption, name=f"{caption.name}-flip")
        stages = plan.told.count_of(len(plan.time.acts) - 1)
        what = plan.told.words("stage_step", plan.told.count_of(number) - 1, stages)
        counts = act.first_step, act.steps
        yield from _counter(plan, f"flip-{number + 1}", what, counts, _lift(plan, number) + 1, first, last)
        lines, above = plan.told.flip_lines(number), _above_formulas(plan, number)
        yield from _stacked(plan, f"story-{number + 1}-flip", lines, first, last, above, plan.theme.faint_text)


def _traces(plan: Plan) -> Iterator[Caption]:
    """The words of every trace back: those of its stage again, and below what is asked or what has been found so far.
    The result, which is that of all of them, has no counter."""
    for i, (trace, act) in enumerate(zip(plan.contents.traces, plan.time.traced, strict=True)):
        number, (first, last) = trace.number, _spell(plan, act)
        for caption in (
            *_call(plan, f"call-{number + 1}", plan.told.call_lines(number), first, _before_whole(plan, last)),
            *_facts(plan, number, first, last),
        ):
            yield replace(caption, name=f"{caption.name}-again-{i + 1}")
        what = plan.told.words("traced_step", plan.told.count_of(number), plan.told.count_of(len(plan.time.acts) - 1))
        line = max(map(len, plan.told.trace_lines)) if plan.page.narrow else 1
        counts, end = (act.first_step, act.steps), min(last, plan.time.result_frame - 1)
        yield from _counter(plan, f"trace-{i + 1}", what, counts, line, first, end)
    if plan.time.traced:
        found = (f"trace-told-{trace.number + 1}-{trace.tensor}" for trace in plan.contents.traces)
        names = ["trace-asked", *found, "trace-result"]
        starts = [_spell(plan, plan.time.traced[0])[0], *plan.time.found, plan.time.result_frame, plan.time.frames + 1]
        for name, lines, (first, end) in zip(names, plan.told.trace_lines, pairwise(starts), strict=True):
            yield from _stacked(plan, name, lines, first, end - 1)
    if plan.time.traced and len(plan.stages) > 1:
        line = max(map(len, plan.told.trace_lines)) + 1 + len(plan.told.note_lines()) if plan.page.narrow else 0
        beside = "".join(plan.told.trace_lines[-1][-1:])
        yield _cost(plan, "cost-result", _total_costs(plan), line, plan.time.result_frame, plan.time.frames, beside)


def _stacked(
    plan: Plan,
    name: str,
    lines: list[str],
    first: int,
    last: int,
    above: float = 0.0,
    color: tuple[float, float, float] | None = None,
) -> Iterator[Caption]:
    """Lines in the lower left corner, so many reference pixels above its end."""
    for i, line in enumerate(reversed(lines)):
        at = _corner(plan, 0, above + i * CAPITAL["note"] * LINE_HEIGHT, bottom=True)
        key = f"{name}-{len(lines) - i}"
        if line:
            yield _text(plan, key, line, "note", at, "left", first=first, last=last, color=color or plan.theme.text)


def _costs(plan: Plan, number: int) -> tuple[str, ...]:
    """What a stage costs, in ever shorter words: multiply-accumulates as MACs, ``27 + 1 bias = 28`` as 28."""
    stage = plan.stages[number]
    op = stage.told if stage.is_step else stage.op
    wholes = _with_biases(plan, op.num_parameters, biases_of(op))
    return tuple(f"{whole} · {_told_macs(plan, [number], long)}" for whole in wholes for long in (True, False))


def _with_biases(plan: Plan, parameters: int, biases: int) -> list[str]:
    """So many parameters: how many of them are biases, if any, also without that word, and without that."""
    whole = plan.told.words.counted("parameters", parameters)
    parts = plan.told.words.counted("biases", biases), count(biases)
    return [*(f"{count(parameters - biases)} + {part} = {whole}" for part in parts if biases), whole]


def _total_costs(plan: Plan) -> tuple[str, ...]:
    """What all stages cost, ``72 + 64 = 136``, and shorter, ``136``; of what is one operation just that.

    Where several ways lead to results of their own, these are compared, not added.
    """
    words, ways = plan.told.words, [(way, _parameters(plan, way)) for way in _ways(plan)]
    if len(ways) > 1:
        parameters, macs = [sum(counts) for _, counts in ways], [_macs(plan, way) for way, _ in ways]
        if len(set(zip(parameters, macs, strict=True))) == 1:
            told = words.counted("parameters", parameters[0])
            return tuple(words("each_way", f"{told} · {words.counted(key, macs[0])}") for key in ("macs_long", "macs"))
        told = _compared(plan, "parameters", parameters)
        return tuple(f"{told} · {_compared(plan, key, macs)}" for key in ("macs_long", "macs"))
    if plan.stages[0].number == plan.stages[-1].number:
        return _costs(plan, 0)
    counts, macs = ways[0][1], [_told_macs(plan, ways[0][0], long) for long in (True, False)]
    biases = sum(biases_of(plan.stages[number].op) for number in ways[0][0])
    *apart, total = _with_biases(plan, sum(counts), biases)
    sums = [f"{' + '.join(map(count, counts))} = {total}"] if len(counts) > 1 else []
    wholes = (*apart, *sums, total) if plan.told.summary else (*sums, *apart, total)  # there the table has the numbers
    return tuple(f"{whole} · {end}" for whole in wholes for end in macs)


def _compared(plan: Plan, key: str, numbers: list[int]) -> str:
    """What several ways cost, ``6 against 9 parameters``; once where that is alike."""
    if len(set(numbers)) == 1:
        return plan.told.words("alike", plan.told.words.counted(key, numbers[0]))
    return plan.told.words(key, f" {plan.told.words('against')} ".join(map(count, numbers)))


def _ways(plan: Plan) -> list[list[int]]:
    """The stages that each result is made by: a result is what no stage reads."""
    read = {tensor for stage in plan.stages for tensor in stage.reads}
    ways = []
    for end in range(1, len(plan.stages) + 1):
        if end not in read:
            way, ahead = set(), [end]
            while ahead:
                tensor = ahead.pop()
                if tensor and tensor - 1 not in way:
                    way.add(tensor - 1)
                    ahead += plan.stages[tensor - 1].reads
            ways.append(sorted(way))
    return ways


def _parameters(plan: Plan, way: list[int]) -> list[int]:
    """Those of every operation that has any, whatever the steps as which it is played."""
    counts = Counter[int]()
    for stage in (plan.stages[number] for number in way):
        counts[stage.number] += stage.op.num_parameters
    return [count for count in counts.values() if count]


def _macs(plan: Plan, way: list[int]) -> int:
    """The multiply-accumulates of these stages, or of the whole of which one is a part, those with zeros that are drawn
    included."""
    stages = [plan.stages[number] for number in way]
    if len(stages) == 1 and stages[0].gathers:
        stages = [stage for stage in plan.stages if stage.number == stages[0].number]
    elif len(stages) == 1 and stages[0].is_step:
        return stages[0].told.macs(stages[0].source)
    return sum(map(_drawn_macs, stages))


def _drawn_macs(stage: Shown) -> int:
    return stage.op.macs(stage.input) if isinstance(stage.op, Slide) else 0


def _told_macs(plan: Plan, way: list[int], long: bool = False) -> str:
    """The same in words, and how many of them do not fall beside the output or meet a zero between the cells and around
    them. What is mixed besides does not count, and it is said how much that is."""
    macs, numbers = _macs(plan, way), {plan.stages[number].number for number in way}
    told = plan.told.words.counted("macs_long" if long else "macs", macs)
    seen = [stage for stage in plan.stages if stage.number in numbers and isinstance(stage.op, Slide)]
    gathering = [(stage, stage.told) for stage in seen if stage.gathers and isinstance(stage.told, ConvTranspose)]
    if vain := sum(_drawn_macs(stage) - op.landing(stage.source) for stage, op in gathering):
        return plan.told.words("without_zeros", told, count(vain))
    scattering = [(stage.op, stage.input) for stage in seen if isinstance(stage.op, ConvTranspose)]
    if lost := sum(op.macs(shape) - op.landing(shape) for op, shape in scattering):
        return plan.told.words("landing", told, count(macs - lost))
    ops = [(plan.stages[number].op, plan.stages[number].input) for number in way]
    if shares := sum(shares_mixed(op, shape) for op, shape in ops if isinstance(op, Upsample)):
        told = plan.told.words.counted("macs_long" if long else "macs", macs + shares)
        return plan.told.words("with_shares", told)
    if any(plan.stages[number].matrix is not None for number in way):
        return plan.told.words("without_matrix_zeros", told)
    return plan.told.words("unmixed", told) if any(isinstance(op, DeformConv2d) for op, _ in ops) else told


def _above_formulas(plan: Plan, number: int) -> float:
    """How high above the lower edge the line over a stage's formulas is; in wide pictures over the cost, too."""
    lines = len(plan.told.formulas(number))
    return (lines if plan.page.narrow else max(lines, 1)) * CAPITAL["note"] * LINE_HEIGHT


def _note(plan: Plan) -> Iterator[Caption]:
    """The scene's own last word, on the result."""
    above = _above_formulas(plan, len(plan.time.acts) - 1)
    if plan.time.traced:
        above = len(plan.told.trace_lines[-1]) * CAPITAL["note"] * LINE_HEIGHT
    if plan.time.leaves:
        above = CAPITAL["note"] * LINE_HEIGHT if plan.page.narrow else 0.0
    yield from _stacked(plan, "note", plan.told.note_lines(), plan.time.result_frame, plan.time.frames, above)


def _story(plan: Plan, number: int, first: int, last: int, narration: list[Caption]) -> Iterator[Caption]:
    """What a stage is about, wherever neither its first step nor the scene's last word is told in that place."""
    if plan.time.leaves or plan.told.whole_story or (plan.told.note_lines() and not plan.time.traced):
        last = min(last, plan.time.result_frame - 1)
    spells = [(first, last)]
    if narration:
        between = ((before.last + 1, after.first - 1) for before, after in pairwise(narration))
        between = [(begin, end) for begin, end in between if begin <= end]
        spells = [(first, narration[0].first - 1), *between, (narration[-1].last + 1, last)]
    if plan.contents.several_views(number):
        yield from _rearranging(plan, number, first)
        spells = [(plan.time.view_spells(number)[-1][3] + 1, last)]
    story, opened = plan.told.story_lines(number), _opened(plan, number)
    mixes = "mixes" if plan.mixes(number) else "mixes_all" if plan.mixes_all(number) else None
    if mixes and len(lines := plan.told.mixing_lines(mixes)) <= plan.told.told_lines:
        story = lines
    pieces = [
        (begin, end, plan.told.opened_lines(number) if deep else story)
        for spell in spells
        for begin, end, deep in _pieces(*spell, opened)
        if begin <= end
    ]
    if narration and number == min(n for n, act in _told(plan) if act.told):
        pieces = _with_scale(plan, pieces, story)
    for i, (begin, end, lines) in enumerate(pieces, start=1):
        name, above = f"story-{number + 1}-{i}", _above_formulas(plan, number)
        yield from _stacked(plan, name, lines, begin, end, above, plan.theme.faint_text)


def _with_scale(
    plan: Plan, pieces: list[tuple[int, int, list[str]]], story: list[str]
) -> list[tuple[int, int, list[str]]]:
    """The same, but the first half of the longest spell of a stage's story tells how lightness follows numbers, where
    it does and that can be read."""
    scale = plan.told.scale_lines
    begin, end, _ = longest = max((p for p in pieces if p[2] is story), key=lambda p: p[1] - p[0], default=(0, 0, []))
    half = (begin + end) // 2
    if not scale or half - begin < SCALE_SECONDS * plan.fps:
        return pieces
    at = pieces.index(longest)
    return [*pieces[:at], (begin, half, scale), (half + 1, end, story), *pieces[at + 1 :]]


def _opened(plan: Plan, number: int) -> list[tuple[int, int]]:
    """The frames from and to which cells are small as a stage's window is behind them, deep in a volume."""
    spells: list[tuple[int, int]] = []
    act = plan.time.acts[number]
    for beat in act.beats if plan.told.opened_lines(number) else ():
        _, _, (depth, _, _) = plan.sight(number).place(beat.last - act.first_step)
        begin, end = math.floor(beat.start) + 1, math.floor(beat.end)
        if depth == 0 or begin > end:
            continue
        if spells and spells[-1][1] + 1 == begin:
            begin = spells.pop()[0]
        spells.append((begin, end))
    return spells


def _pieces(begin: int, end: int, apart: list[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The frames ``begin..end`` cut where spells ``apart`` begin and end, and whether each piece is of one of these."""
    for first, last in apart:
        if (first := max(first, begin)) <= (last := min(last, end)):
            yield begin, first - 1, False
            yield first, last, True
            begin = last + 1
    yield begin, end, False


def _rearranging(plan: Plan, number: int, first: int) -> Iterator[Caption]:
    """What becomes of the cells in each arrangement of a Move, while it is made; of the first one from ``first`` on."""
    above = _above_formulas(plan, number)
    told = zip(plan.told.view_lines(number), plan.time.view_spells(number), strict=True)
    for i, (lines, (_, _, begin, end)) in enumerate(told, start=1):
        name, begin = f"story-{number + 1}-view-{i}", first if i == 1 else begin
        if begin <= end:
            yield from _stacked(plan, name, lines, begin, end, above, plan.theme.faint_text)


def _narration(plan: Plan, number: int, act: Act) -> Iterator[Caption]:
    """What happens in a window's steps in slow motion."""
    if act.stage.slide is None:
        return
    reached, leaves, summed = plan.time.parts(number)
    ends = (LAND, ripened(reached, leaves), *sorted({summed, WRITE}), 1.0)
    room = _narration_room(plan, number, act)
    at = _corner(plan, 0, _above_formulas(plan, number), bottom=True)
    for turn, beat in enumerate(act.told, start=1):
        step = beat.first - act.first_step
        texts = _happens(plan, number, room, step)
        if one := sum_of(plan, number, step):
            texts = narrated(plan.told.words, one, texts, room, _whose(plan, number), _multiplier(plan, number, step))
            if number in plan.remembering:
                texts = (*texts[:3], plan.told.words("remembers", texts[3], count(plan.index_of(number, step))))
        first = math.floor(beat.start) + 1
        for i, (text, end) in enumerate(zip(texts, ends, strict=True)):
            last = math.floor(beat.start + end * (beat.end - beat.start))
            if last >= first:
                name = f"phase-{number + 1}-{i + 1}{f'-{turn}' * (turn > 1)}"
                yield _text(plan, name, text, "note", at, "left", color=plan.theme.faint_text, first=first, last=last)
            first = last + 1


def _whose(plan: Plan, number: int) -> str:
    """Whose numbers are told of a step: the first of several filters, or of channels that are each on its own."""
    sight = plan.sight(number)
    if sight.trajectory.filters == 1 or isinstance(sight.op, MatrixProduct):
        return ""
    if isinstance(plan.stages[number].told, Linear):
        return plan.told.words("one_output", 1)
    if plan.contents.of_classes(number + 1):
        return plan.told.words("one_class", 0)
    filters = isinstance(sight.op, Weighted) and not plan.contents.is_partial(number)
    return _first_filter(plan, number) if filters else plan.told.words("one_channel", 1)


def _first_filter(plan: Plan, number: int) -> str:
    """What the first filter of a stage is called: by its name, if it has one, or its number."""
    names = filter_names(plan.stages[number].stages[-1])
    return names[0] if names else plan.told.words("one_filter", 1)


def _multiplier(plan: Plan, number: int, step: int) -> str:
    """What multiplies in a step: the first filter or, of a matrix, the column that it is the turn of."""
    sight = plan.sight(number)
    if isinstance(sight.op, MatrixProduct):
        return plan.told.words("one_column", count(sight.place(step)[2][2] + 1))
    return _first_filter(plan, number)


def _passing(plan: Plan, number: int, act: Act) -> Iterator[Caption]:
    """Which rows of an output pass at once, as nothing of them is drawn; of whole planes, which steps."""
    row, plane = plan.time.runs(number)
    at = _corner(plan, 0, _above_formulas(plan, number), bottom=True)
    for i, beat in enumerate(beat for beat in act.beats if beat.unseen):
        (first, begin), (last, end) = (divmod(step - act.first_step, plane) for step in (beat.first, beat.last))
        text = plan.told.words("pass_rows", count(begin // row + 1), count(end // row + 1))
        if first != last or row == plane:
            text = plan.told.words("pass_steps", count(first * plane + begin + 1), count(last * plane + end + 1))
        spell = {"first": math.floor(beat.start) + 1, "last": math.floor(beat.end)}
        name, faint = f"pass-{number + 1}-{i + 1}", plan.theme.faint_text
        if spell["first"] <= spell["last"]:
            yield _text(plan, name, text, "note", at, "left", color=faint, **spell)


def _first(caption: Caption) -> int:
    return caption.first


def _mixing(plan: Plan, number: int, act: Act) -> Iterator[Caption]:
    """What cells are mixed in each other step that there is time to read: where they lie, they are more or fewer. Or
    which one a pool finds there whose indices are remembered."""
    op, remembers = act.stage.op, number in plan.remembering
    if not remembers and (not isinstance(op, Upsample) or op.reduces_to_copies):
        return
    sight, room = plan.sight(number), _narration_room(plan, number, act)
    at = _corner(plan, 0, _above_formulas(plan, number), bottom=True)
    for beat in act.beats:
        brief = beat.slow or beat.swept or beat.end - beat.start < READ_SECONDS * plan.fps
        step = beat.first - act.first_step
        if brief or (one := sum_of(plan, number, step)) is None:
            continue
        channel = (sight.place(step)[1] or 0) + 1
        who = plan.told.words("one_channel", channel) if sight.trajectory.filters > 1 else ""
        spell = {"first": math.floor(beat.start) + 1, "last": math.floor(beat.end)}
        name, faint = f"story-{number + 1}-mixed-{step + 1}", plan.theme.faint_text
        if remembers:
            found = plan.told.words("found", told(one.result), count(plan.index_of(number, step)))
            text = f"{who}{plan.told.words.colon}{found}" if who else found
        else:
            text = mixture(plan.told.words, one, room, who)
        yield _text(plan, name, text, "note", at, "left", color=faint, **spell)


def _merging(plan: Plan, number: int, act: Act) -> Iterator[Caption]:
    """What a merge's first cell is made of; of one that makes a cell at a time, any for which there is time to read."""
    room, at = _narration_room(plan, number, act), _corner(plan, 0, _above_formulas(plan, number), bottom=True)
    singly = isinstance(act.stage.op, ChannelSum) and plan.contents.batch is None
    for beat in act.beats:
        cell, first = beat.first - act.first_step, beat is act.beats[0]
        read = singly and not beat.swept and not beat.unseen and beat.end - beat.start >= READ_SECONDS * plan.fps
        if not (first or read) or (made := merged(plan, number, cell)) is None:
            continue
        if isinstance(act.stage.op, Mul):
            text = multiplied(plan.told.words("product_values", ""), made[0], made[2], room)
        else:
            text = added(plan.told.words, plan.told.words("sum_values", ""), *made, room)
        begin = act.first_frame if first else math.floor(beat.start) + 1
        name, spell = f"phase-{number + 1}-{cell + 1}", {"first": begin, "last": math.floor(beat.end)}
        yield _text(plan, name, text, "note", at, "left", color=plan.theme.faint_text, **spell)


def _happens(plan: Plan, number: int, room: float, step: int) -> tuple[str, str, str, str]:
    """The four phases of a step: what is read, what is done with it, what comes of that, what is written.

    ``room`` is how wide they may be, in capitals.
    """
    words, sight = plan.told.words, plan.sight(number)
    op = sight.op
    if isinstance(op, MatrixProduct):
        column = sight.place(step)[2][2]
        weights = int(op.weighted[:, column].sum())
        multiply = words("row_multiply", count(weights), count(len(op.weighted)))
        return words("row_column", count(column + 1)), multiply, words.counted("sum", weights), words("write")
    if not isinstance(op, Weighted):
        reads = sight.reads_at_once * (op.fan_in(sight.item) if op.reduce == "softmax" else 1)
        does = _done(words, sight, step)
        writes = words("write_each" if sight.trajectory.filters > 1 else "write")
        return (
            _with_padding(words, words.counted("land", reads), reads, sight.padding_at(step), "pooled", room),
            does,
            does,
            writes,
        )
    products = op.fan_in() * math.prod(op.each("kernel_size"))
    if sight.scatters:
        products, landed = sight.spread
        spread = words.counted("spread" if landed == products else "spread_cut", products, count(landed))
        return words("land_one"), words.counted("scatter", products), spread, words("add")
    reads, alone = sight.reads_at_once, "_alone" if op.filters == 1 else ""
    windows = 1 if plan.contents.takes_turns(number) else plan.contents.splits[number]
    land = "land_windows" if windows > 1 else "land"
    multiply = "multiply_part" if products < reads else f"multiply{alone}"
    several = op.filters > 1 and plan.scene.time.order == "position"
    write = "write_filters" if several else "write"
    if isinstance(plan.stages[number].told, Linear):
        land, multiply, write = "land_all", "multiply_output", "write_outputs"
        if not several:
            multiply, write = "multiply_first_output", "write"
    elif isinstance(op, RowProduct | DeformConv2d):
        land = "sample" if isinstance(op, DeformConv2d) else f"row_meets{alone}"
    total = words.counted("sum_bias" if op.bias else "sum", products)
    lands = words.counted(land, reads, windows)
    lands = _with_padding(words, lands, reads, sight.padding_at(step), "padded", room)
    multiplies = words.counted(multiply, products)
    if products > 1 and plan.contents.woven(plan.stages[number]):
        on_lines = words("on_lines", multiplies)
        multiplies = on_lines if text_width(on_lines) <= room else multiplies
    return lands, multiplies, total, words(write)


def _with_padding(words: Words, lands: str, reads: int, padded: int, how: str, room: float) -> str:
    """What is read, and how many of so many cells are padding, if any."""
    if not padded:
        return lands
    whole = words(f"land_{how}", lands, count(padded))
    return whole if text_width(whole) + LISTED <= room else words(f"land_{how}_short", count(reads), count(padded))


def _shares_each_way(sight: Sight, op: Upsample, step: int) -> list[Fraction]:
    """The larger and the smaller share of the two cells that are mixed along each axis of several, ``3/4, 1/4``; []
    where these are not the same along all of them, or no short fractions."""
    reaches, place = op.reaches(sight.item), sight.place(step)[2]
    found = zip(reaches, place[-len(reaches) :], strict=True)
    least = [float(reach.coefficient[at].min()) for reach, at in found if reach.coefficient is not None]
    if len(least) < 2:
        return []
    less = Fraction(least[0]).limit_denominator(MOST_PARTS)
    alike = all(math.isclose(share, less, abs_tol=1e-9) for share in least)
    return [1 - less, less] if less and alike else []


def _done(words: Words, sight: Sight, step: int) -> str:
    """What a window without a weight does in a step with the cells that it reads at once."""
    op = sight.op
    if op.formula:
        return words("formula", op.formula)
    if isinstance(op, Upsample):
        if shares := _shares_each_way(sight, op, step):
            return words("mix_shares", *shares)
        return words("mix" if sight.reads_at_once > 1 else "copy" if op.reduces_to_copies else "mix_one")
    if sight.reads_one:
        return words("each")
    if op.reduce == "sum" and isinstance(op, AvgPool | AdaptiveAvgPool):
        return words("mean")
    return words("max" if op.reduce == "max" else "one")


def _narration_room(plan: Plan, number: int, act: Act) -> float:
    """How wide what is told of the first step may be, in capitals: in wide pictures the counter is on its line."""
    room = plan.page.safe_width / CAPITAL["note"]
    return room if plan.page.narrow else room - text_width(_widest_counter(plan, number, act)) - 1.0


def _widest_counter(plan: Plan, number: int, act: Act) -> str:
    """What a stage's counter says in the end."""
    return f"{plan.told.counted(number)}  {count(act.steps)} / {count(act.steps)}"


def labels(plan: Plan) -> Iterator[Caption]:
    """What things are called and how large they are, below them, and what is left out of them."""
    f = plan.frame
    things = [placed for placed in f.placed if not placed.item.shared]
    sizes = [(placed, *spell) for placed in things for spell in _spells(plan, placed.item.name)]
    sizes = [
        (called, turn, pixel, key, told)
        for placed, turn, pixel, spell in sizes
        for key, called, told in _turns(plan, placed, spell)
    ]
    styles = {name: stop.label_style for stop in f.stops for name in stop.items}
    for placed, turn, pixel, key, spell in sizes:
        alone = plan.time.leaves and not plan.review
        if alone and spell.get("last") == plan.time.frames:  # below its cells, whatever room there is
            placed = without_pad(placed, f.view)
        capital = CAPITAL["label"] * pixel
        item = placed.item
        style = styles.get(item.name, f.label_style)
        label, notes = label_texts(item, style), note_texts(item.notes, style)
        lines = (*label, *notes)
        x = _below_cells(plan, placed, max(map(text_width, lines), default=0.0) * capital) - f.center[0]
        top = placed.bottom - placed.label_drop - f.center[1] - WINDOW_ROOM
        if f.eyes:
            anchor, (x, lowest) = foot(placed, f.eyes)
            top = lowest - placed.label_drop
            spell = spell | {"anchor": vector(anchor)}
        first, align = LABEL_GAP + max(map(text_ascent, lines[:1]), default=0.0), "center"
        if placed.label_beside is not None:
            x, line, align = placed.label_beside
            x, top, first = x - f.center[0], line - f.center[1], 0.0
        stand = _products(plan, placed, label, capital)
        for i, text in enumerate(lines):
            y = top - (first + i * LINE_HEIGHT) * capital
            told = i < len(label)
            line = i + 1 + turn * len(lines)
            name = f"label-{item.name}-{line}{key}" if told else f"elision-{item.name}-{line - len(label)}{key}"
            caption = _text(plan, name, text, "label", (x, y), align, halo=HALO * pixel, **spell)
            caption = replace(caption, size=capital)
            pieces = _pieces(caption.first, caption.last, [] if i else stand)
            for n, (begin, end, stands) in enumerate(pieces):
                turn_of = f"-{n}" * (n > 2)
                piece = replace(caption, name=f"{name}{'-again' * (n > 0)}{turn_of}", first=begin, last=end)
                if stands:
                    piece = replace(piece, name=f"products-{item.name}{turn_of}", body=plan.told.words("products"))
                if begin <= end:
                    yield piece


def _products(plan: Plan, placed: Placed, label: tuple[str, ...], capital: float) -> list[tuple[int, int]]:
    """The frames on which products stand in the place of all weights of filters, if that can be said in place of the
    first line of their ``label``, whose capitals are so high: where it is hardly wider than that and the filters."""
    name, called = placed.item.name, plan.told.words("products")
    number = int(name.removeprefix("filters-")) - 1 if name.startswith("filters-") else -1
    if not label or swelling(plan, number) is None or plan.stages[number].is_product:
        return []
    all_met = met_at_once(plan, number) == math.prod(plan.banks[number].shape)
    if not all_met or text_width(called) > HARDLY + max(placed.width / capital, *map(text_width, label)):
        return []
    spells = (_stands(plan, number, beat) for beat in plan.time.acts[number].told)
    return [(first, last) for first, last in spells if last + 1 - first >= WORD_SECONDS * plan.fps]


def _stands(plan: Plan, number: int, beat: Beat) -> tuple[int, int]:
    """The first and the last frame of a beat in slow motion on which copies are products and stand where they met."""
    reached, leaves, _ = plan.time.parts(number)
    shares = (reached + ripened(reached, leaves)) / 2.0, leaves
    begin, end = (math.floor(beat.start + share * (beat.end - beat.start)) for share in shares)
    return begin + 1, end


def _half_way(plan: Plan) -> Iterator[Caption]:
    """Where weights are lines and the camera rests: what products are called that stand half-way along them."""
    frame = plan.frame
    for number, act in enumerate(plan.time.acts):
        if not plan.contents.woven(plan.stages[number]) or frame.stops or frame.eyes:
            continue
        tensor, made, capital = plan.tensors[number], plan.tensors[number + 1], CAPITAL["label"] * frame.pixel
        index, text = made.drawn(), plan.told.words("products")
        for beat in act.told:
            written = index[plan.done(number, index) == beat.first - act.first_step][:1]
            flat = frame.view.project((tensor.at(tensor.drawn()) + made.at(written)) / 2.0) - frame.center
            below = abs(frame.view.up).sum() / 2.0 + (LABEL_GAP + text_ascent(text)) * capital
            at = float(flat[:, 0].min() + flat[:, 0].max()) / 2.0, float(flat[:, 1].min()) - below
            first, last = _stands(plan, number, beat)
            halo, spell = HALO * frame.pixel, {"first": first, "last": last}
            yield _text(
                plan, f"products-{number + 1}-{beat.first + 1}", text, "label", at, "center", halo=halo, **spell
            )


def _below_cells(plan: Plan, placed: Placed, wide: float) -> float:
    """Below the middle of an item's room or, where that is on one side of its cells, of these as far as words so wide
    stay in it."""
    middle, (before, after) = placed.left + placed.width / 2.0, placed.item.pad[2]
    if before == after:
        return middle
    bare, spare = without_pad(placed, plan.frame.view), max(0.0, placed.width - wide) / 2.0
    return middle + min(max(bare.left + bare.width / 2.0 - middle, -spare), spare)


def _turns(plan: Plan, placed: Placed, spell: dict[str, object]) -> Iterator[tuple[str, Placed, dict[str, object]]]:
    """An item as its label calls it, and when: filters have another name once they are flipped."""
    number = next((n for n in plan.time.flips if placed.item.name == f"filters-{n + 1}"), None)
    if number is None:
        yield "", placed, spell
        return
    flip = plan.time.flips[number]
    given = plan.told.filters_called(number, False), *placed.item.label[1:]
    first, last = (int(str(spell.get(key, other))) for key, other in (("first", 1), ("last", plan.time.frames)))
    if first <= flip.last_frame:
        before = replace(placed, item=replace(placed.item, label=given, short=None))
        yield "-given", before, spell | {"first": first, "last": min(last, flip.last_frame)}
    if last > flip.last_frame:
        yield "", placed, spell | {"first": max(first, flip.last_frame + 1), "last": last}


def _spells(plan: Plan, name: str) -> Iterator[tuple[int, float, dict[str, object]]]:
    """How large the words at an item are, in units per reference pixel, and on which frames they are so; numbered.

    A tensor is seen in two pictures of a travelling camera: where these differ in width, its label is another one from
    the middle of the way on. No label is seen while the camera rests elsewhere: it may be wide, and reach into a
    picture that its tensor is not in.
    """
    f = plan.frame
    numbers = [number for number, stop in enumerate(f.stops) if name in stop.items]
    if not numbers:
        yield 0, f.pixel, {}
    first = math.floor(plan.time.travels[numbers[0] - 1][0]) + 1 if numbers and numbers[0] else 1
    for turn, (pixel, seen) in enumerate(groupby(numbers, lambda number: f.stops[number].pixel)):
        number = max(seen)
        if number < numbers[-1]:
            last = plan.time.midway(number)
        else:
            last = math.ceil(plan.time.travels[number][1]) - 1 if number < len(plan.time.travels) else plan.time.frames
        yield turn, pixel, {"first": first, "last": last, "in_world": True}
        first = last + 1


def marks(plan: Plan) -> Iterator[Caption]:
    """The numbers of filters and groups, above their blocks."""
    f = plan.frame
    for placed in f.placed:
        blocks = placed.item.elision.block_of_slot().tolist()
        for turn, (texts, capital, spell) in enumerate(_mark_spells(plan, placed.item)):
            for block, text in zip(blocks, texts, strict=False):
                x, y = mark_place(placed, block, capital, f.view)
                at = (x - f.center[0], y - f.center[1])
                if f.eyes:
                    anchor, at = mark_foot(placed, block, capital, f.eyes)
                    spell = spell | {"anchor": vector(anchor)}
                name = f"mark-{placed.item.name}-{block + 1}{f'-{turn + 1}' * (turn > 0)}"
                caption = _text(plan, name, text, "label", at, "right", halo=HALO * capital / CAPITAL["label"], **spell)
                yield replace(caption, size=capital)


def _mark_spells(plan: Plan, item: Item) -> Iterator[tuple[tuple[str, ...], float, dict[str, object]]]:
    """An item's marks, how high they are, in units, and when: as its label is, or where their own height is enough.
    Of what was moved, those that it had before are there until it is read."""
    spells = [(pixel, spell) for _, pixel, spell in _spells(plan, item.name)]
    if (height := item.mark_height) is not None:
        yield from ((item.marks, height, spell) for pixel, spell in spells if height >= min(CAPITAL.values()) * pixel)
        return
    read = 1
    if item.came and not item.name.startswith("review-"):
        read = plan.time.acts[int(item.name.removeprefix("output-"))].first_frame
    for texts, first, last in ((item.came, 1, read - 1), (item.marks, read, plan.time.frames)):
        for pixel, spell in spells:
            begin, end = (int(str(spell.get(key, other))) for key, other in (("first", first), ("last", last)))
            if (begin := max(begin, first)) <= (end := min(end, last)):
                yield texts, CAPITAL["label"] * pixel, spell | {"first": begin, "last": end}
