"""The words of a trace back: how many cells are reached in every stage, and what follows from the rates."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..conv_math import Slide
from .ancestry import Hybrid, fields_of, growth_of, hybrid_of, traced_cells
from .captions import Words, count, size
from .contents import Contents
from .layout import broken, text_width
from .numerals import told


def trace_lines(contents: Contents, words: Words, called: Callable[[int], str], room: float) -> list[list[str]]:
    """What is asked before the first trace, what each trace has found, and the lines of the result: no wider than
    ``room`` (heights of a capital).

    ``called`` says what a tensor is called. Receptive fields and rates are told of a chain without branches.
    """
    if not contents.traces:
        return []
    ops = contents.chain or []
    usage = "usage" in contents.scene.look.show
    fields, growth = fields_of(ops), growth_of(ops)
    hybrid = hybrid_of(ops) if usage else None
    rule = [] if hybrid is None else hybrid_lines(hybrid, words)
    who = words(_traced(contents))
    asked = words("which_used" if usage else "which_seen", called(contents.traces[0].tensor), who)
    result = [asked, *rule]
    lines = [result]
    for trace, onward in zip(contents.traces, [*contents.traces[1:], None], strict=True):
        used, cells = int((trace.counts > 0).sum()), trace.counts.size
        where = called(trace.tensor)
        if usage:
            most = int(trace.counts.max())
            line = words("uses" if most > 1 else "uses_once", count(used), count(cells), where, count(most))
        else:
            field = fields[trace.number] if fields is not None else ()
            whole = math.prod(field) == used
            known = "sees" if not field or (whole and len(field) == 1) else "sees_whole" if whole else "sees_field"
            line = words.counted(known, used, where, who, "×".join(map(str, field)))
        result = [line, *rule]
        lines.append(result)
        if (
            onward is not None
            and usage
            and len(broken(asks := words("now_of", line, called(onward.tensor)), room)) == 1
        ):
            lines[-1] = [asks, *rule]
        elif onward is not None and not usage and len(broken(line, room)) == 1:
            lines[-1] = [line, words("and_of", called(onward.tensor))]
    if growth is not None and not usage and len(ops) > 1:
        grown = [field for op, field in zip(ops, growth, strict=True) if isinstance(op, Slide)]
        sizes = [str(field[0]) if len(set(field)) == 1 else size(field) for field in grown]
        result = [*result, words("growth", ", ".join(sizes))]
    return [[part for line in each for part in broken(line, room)] for each in (*lines, result)]


def _traced(contents: Contents) -> str:
    """The phrase for the output cell that is traced back: the middle one, the last one, or the only one."""
    item = contents.items[-1]
    middle, _ = traced_cells(item)
    if math.prod(item) == 1:
        return "traced_only"
    return "traced_middle" if tuple(contents.traces[0].heads[0].tolist()) == middle else "traced_last"


def hybrid_lines(hybrid: Hybrid, words: Words) -> list[str]:
    """The rule of hybrid dilated convolution with its numbers, down to M2, which should be at most the kernel; of rates
    with a common divisor that they have one."""
    if hybrid.divisor > 1:
        return [words("divisor", hybrid.divisor)]
    last = len(hybrid.rates)
    lines = [words("hybrid", last, hybrid.rates[-1])]
    if last > 2:
        lines.append(words("hybrid_rule"))
    for i in range(last - 1, 1, -1):
        rate, after, here = hybrid.rates[i - 1], hybrid.distances[i], hybrid.distances[i - 1]
        terms = (told(term) for term in (after - 2 * rate, after - 2 * (after - rate), rate))
        lines.append(f"M{i} = max({', '.join(terms)}) = {here}")
    asked = words("within" if hybrid.distances.within_kernel else "beyond", hybrid.kernel)
    return [*lines[:-1], f"{lines[-1]}{asked}{words.colon}{words('no_hole' if hybrid.whole else 'holes')}"]


def counter_width(contents: Contents, words: Words) -> float:
    """The room that the longest counter of a trace takes, in heights of a capital."""
    stages = len(contents.stages)
    counters = [f"{words('traced_step', stages, stages)} {count(t.steps)} / {count(t.steps)}" for t in contents.traces]
    return max(map(text_width, counters), default=0.0)
