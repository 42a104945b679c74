"""The words: operation as PyTorch writes it, size formula with numbers, names, in English and Chinese."""

from __future__ import annotations

from dataclasses import MISSING, fields

from ..conv_math import Conv2d, Operation

TIMES = " × "

WORDS = {
    "en": {
        "input": "input",
        "output": "output",
        "stage": "stage {0}",
        "filters": "{0} filters",
        "filter": "1 filter",
        "kernel": "kernel ×{0}",
        "kernels": "kernels",
        "batch": "batch",
        "channels": "channels",
        "height": "height",
        "width": "width",
        "parameters": "{0} parameters",
        "macs": "{0} MACs",
        "step": "step",
        "stage_step": "stage {0} / {1} · step",
        "land": "the window reads {0} cells",
        "multiply": "each filter multiplies them by its {0} weights",
        "sum": "… adds the {0} products",
        "sum_bias": "… adds the {0} products and its bias",
        "write": "… and writes one output cell",
        "reshape": "reshape",
        "transpose": "transpose",
        "flatten": "flatten",
        "group": "group {0}",
        "left_out_pictures": "pictures",
        "left_out_groups": "groups",
        "left_out_filters": "filters",
        "left_out_channels": "channels",
        "left_out_rows": "rows",
        "left_out_columns": "columns",
        "left_out_weights": "weights",
    },
    "zh": {
        "input": "输入",
        "output": "输出",
        "stage": "第 {0} 层",
        "filters": "{0} 个卷积核",
        "filter": "1 个卷积核",
        "kernel": "卷积核 ×{0}",
        "kernels": "卷积核",
        "batch": "批量",
        "channels": "通道",
        "height": "高",
        "width": "宽",
        "parameters": "{0} 个参数",
        "macs": "{0} 次乘加",
        "step": "步骤",
        "stage_step": "第 {0} / {1} 层 · 步骤",
        "land": "窗口读取 {0} 个单元",
        "multiply": "每个卷积核将其与 {0} 个权重相乘",
        "sum": "…… 将 {0} 个乘积相加",
        "sum_bias": "…… 将 {0} 个乘积与偏置相加",
        "write": "…… 写入一个输出单元",
        "reshape": "重排",
        "transpose": "转置",
        "flatten": "展平",
        "group": "第 {0} 组",
        "left_out_pictures": "张图",
        "left_out_groups": "组",
        "left_out_filters": "个卷积核",
        "left_out_channels": "个通道",
        "left_out_rows": "行",
        "left_out_columns": "列",
        "left_out_weights": "个权重",
    },
}


class Words:
    """The vocabulary of one language."""

    def __init__(self, language: str) -> None:
        self._words = WORDS[language]

    def __call__(self, key: str, *values: object) -> str:
        """The phrase with numbers put in; an unknown key is its own word."""
        template = self._words.get(key, key)
        for i, value in enumerate(values):
            template = template.replace(f"{{{i}}}", str(value))
        return template


def size(shape: tuple[int, ...]) -> str:
    """``8 × 7 × 7``."""
    return TIMES.join(str(s) for s in shape)


def torch_call(op: Operation) -> str:
    """The operation as one writes it in PyTorch: what differs from the defaults, and no more."""
    arguments: list[str] = []
    for f in fields(op):  # pyright: ignore[reportArgumentType]
        value = getattr(op, f.name)
        needed = f.default is MISSING
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if not needed and value == f.default:
            continue
        positional = needed and f.name != "kernel_size"
        arguments.append(repr(value) if positional else f"{f.name}={value!r}")
    return f"nn.{type(op).__name__}({', '.join(arguments)})"


def size_formulas(op: Operation, shape: tuple[int, ...]) -> list[str]:
    """The output-size formula with this stage's numbers: one line if all axes agree, else one per axis.

    Source: the shape section of torch.nn.Conv2d's documentation.
    """
    if not isinstance(op, Conv2d):
        return []
    window = op.window
    axes = len(window.kernel_size)
    lines: list[str] = []
    for i in range(axes):
        length, k, s, d = shape[len(shape) - axes + i], window.kernel_size[i], window.stride[i], window.dilation[i]
        before, after = window.padding[i]
        padding = f"2·{before}" if before == after else f"{before} + {after}"
        reach = f"{k}" if d == 1 else f"({d}·({k} − 1) + 1)"
        spare = length + before + after - ((k - 1) * d + 1)
        quotient = f"({length} − {reach} + {padding}) / {s}"
        if spare % s:
            quotient = f"floor({quotient})"
        lines.append(f"{quotient} + 1 = {spare // s + 1}")
    if len(set(lines)) == 1:
        return lines[:1]
    names = ("D", "H", "W")[-axes:]
    return [f"{name}:  {line}" for name, line in zip(names, lines, strict=True)]


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"
