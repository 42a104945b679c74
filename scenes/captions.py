"""The words: operation as PyTorch writes it, size formula with numbers, names, in English and Chinese."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace

from ..conv_math import (
    Add,
    Concat,
    DeformConv2d,
    MaxPool2d,
    MaxUnpool2d,
    Merge,
    Mul,
    Narrow,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Shape,
    Slide,
    Softmax,
    Upsample,
    Window,
    ZeroInsert,
)
from ..conv_math.conv import Weighted
from ..conv_math.errors import entries, per_axis
from ..conv_math.pool import Adaptive
from ..conv_math.transposed import ConvTranspose
from .scenefile import Scene

LISTED_WINDOWS = 4
"""Of so many windows of unequal size it is told in numbers where they are."""
TIMES = " × "

WORDS = {
    "en": {
        "input": "input",
        "input_colors": "input (R, G, B)",
        "again": "same input",
        "partial_sums": "partial sums",
        "output": "output",
        "made": "output {0}",
        "filters": "{0} filters",
        "filter": "1 filter",
        "flipped": "{0}, flipped",
        "with_bias": "{0} + bias",
        "dilated": "{0} (dilation {1})",
        "turned": "flipped",
        "kernel": "kernel ×{0}",
        "kernels": "kernels",
        "offsets": "offsets",
        "offset_rule": "{0} offsets = 2 · ({1}): dy, dx per kernel cell",
        "weights": "weights ×{0}",
        "weight_sets": "{0} sets of weights",
        "weight_sets_one": "1 set of weights",
        "window": "window",
        "batch": "batch",
        "channels": "channels",
        "length": "length",
        "depth": "depth",
        "height": "height",
        "width": "width",
        "of_kernel": "kernel {0}",
        "of_window": "window {0}",
        "of_stride": "stride {0}",
        "of_padding": "padding {0}",
        "of_factor": "factor {0}",
        "of_zeros": "zeros {0}",
        "in_all": "in all: {0}",
        "in_step": "here: {0}",
        "dilation": "dilation",
        "of_dilation": "dilation {0}",
        "of_output_padding": "output padding {0}",
        "shape": "shape",
        "of_parameters": "parameters",
        "parameters": "{0} parameters",
        "parameters_one": "{0} parameter",
        "biases": "{0} biases",
        "biases_one": "{0} bias",
        "macs": "{0} MACs",
        "macs_one": "{0} MAC",
        "macs_long": "{0} multiply-accumulates",
        "macs_long_one": "{0} multiply-accumulate",
        "without_zeros": "{0}, {1} on added 0s",
        "landing": "{0}, {1} inside the output",
        "with_shares": "{0}, copies take none",
        "unmixed": "{0}, mixing not counted",
        "without_matrix_zeros": "{0}, zeros skipped",
        "against": "against",
        "each_way": "each way: {0}",
        "alike": "{0} each",
        "step": "step",
        "stage_step": "stage {0} / {1} · step",
        "view_step": "part {0} / {1} · step",
        "stage_view_step": "stage {2} / {3} · part {0} / {1} · step",
        "land": "the window reads {0} cells",
        "multiply": "each filter multiplies them by its {0} weights",
        "multiply_one": "each filter multiplies it by its weight",
        "multiply_part": "each filter multiplies {0} of them by its weights",
        "multiply_part_one": "each filter multiplies one of them by its weight",
        "multiply_alone": "the filter multiplies them by its {0} weights",
        "multiply_alone_one": "the filter multiplies it by its weight",
        "land_all": "all {0} cells are read",
        "land_all_one": "the one cell is read",
        "multiply_output": "each output multiplies by its {0} weights",
        "multiply_output_one": "each output multiplies by its weight",
        "multiply_first_output": "output 1 multiplies them by its {0} weights",
        "multiply_first_output_one": "output 1 multiplies it by its weight",
        "on_lines": "{0}, one on each line",
        "write_outputs": "… and each output is written",
        "land_windows": "{1} windows read {0} cells together",
        "land_padded": "{0}, {1} of them padding (0)",
        "land_padded_short": "of {0} cells {1} are padding (0)",
        "land_pooled": "{0}, {1} of them padding",
        "land_pooled_short": "of {0} cells {1} are padding",
        "sum": "… adds the {0} products",
        "sum_one": "… there is only one product",
        "sum_bias": "… adds the {0} products and the bias",
        "sum_bias_one": "… adds the bias to the product",
        "write": "… and writes one output cell",
        "one_filter": "filter {0}",
        "one_output": "output {0}",
        "one_channel": "channel {0}",
        "one_class": "class {0}",
        "in": "in {0} {1}",
        "multiply_values": "{0} multiplies: {1}",
        "multiply_channel": "{0}, channel 1: {1}",
        "sum_values": "… adds: {0}",
        "bias_values": "… adds its bias: {0}",
        "product_values": "… multiplies: {0}",
        "sum_channels": "… adds the channels: {0}",
        "bias": "bias {0}",
        "write_value": "… writes {0}",
        "remembers": "{0}, remembers index {1}, counted from 0",
        "found": "the largest is {0}, at index {1}",
        "land_one": "the window reads one cell",
        "sample": "{0} samples, each a bilinear mix of cells",
        "sample_one": "one sample, a bilinear mix of cells",
        "max": "… keeps the largest",
        "mean": "… takes the mean",
        "mix": "… mixes them: the nearer, the more",
        "mix_shares": "… mixes them, {0} and {1} each way, by distance",
        "mix_one": "… mixes the nearest ones, here only one",
        "mixed": "{0} cells are mixed: {1}",
        "mixed_one": "one cell is copied: {0}",
        "copy": "… copies it",
        "each": "… works on each cell",
        "one": "… makes one number of them",
        "formula": "… works out {0}",
        "write_each": "… and writes one output cell in each channel",
        "write_filters": "… and each filter writes one output cell",
        "opened": "cells in front of the window are shrunk, so that it is seen",
        "opened_both": "cells in front are shrunk to show what is read and written",
        "pass_rows": "output rows {0} to {1} pass: not drawn",
        "pass_steps": "steps {0} to {1} pass: not drawn",
        "scatter": "the cell multiplies the {0} weights",
        "scatter_one": "the cell multiplies the weight",
        "spread": "… the {0} products fall on a window of the output",
        "spread_one": "… the product falls on a cell of the output",
        "add": "… and are added to the output",
        "reshape": "reshaped",
        "transpose": "transposed",
        "spread_cut": "… {1} of {0} products land, the rest is cut off as padding",
        "flip": "the kernel is flipped: its cells turn by 180°",
        "flip_all": "the kernels are flipped: their cells turn by 180°",
        "matrix": "matrix",
        "transposed_matrix": "transpose",
        "product": "product",
        "products": "products",
        "filter_rows": "kernels as rows",
        "filter_rows_one": "kernel as a row",
        "columns": "columns",
        "columns_zeros": ", with zeros where it stands on padding",
        "columns_copies": ", on padding of the cells that it repeats",
        "padding_max": "the empty cells are padding: −∞, never the largest",
        "padding_mean": "padding counts as cells of 0",
        "padding_apart": "padding does not count: a mean is of real cells",
        "around_zeros": "outlined cells are padding: 0",
        "around_zeros_shown": "outlined 0s are padding",
        "around_reflect": "padding outside the frame: mirrored at outermost cells",
        "around_replicate": "padding outside the frame: the outermost cells once more",
        "around_circular": "padding outside the frame: cells of the opposite side",
        "matrix_zeros": "; weights on padding are not in the matrix",
        "matrix_copies": "; where padding repeats a cell, its weights add up",
        "row_meets": "each row meets a column of {0} cells",
        "row_meets_one": "each row meets a column of one cell",
        "row_meets_alone": "the row meets a column of {0} cells",
        "row_meets_alone_one": "the row meets a column of one cell",
        "the_kernel": "kernel ×{0}",
        "the_bias": "bias",
        "one_column": "column {0}",
        "row_column": "the row meets column {0} of the matrix",
        "row_multiply": "weights in this column: {0} of {1}, the rest is 0",
        "made_ZeroInsert": "zeros inserted",
        "made_Pad": "padded",
        "made_ChannelShuffle": "shuffled",
        "made_Flatten": "flattened",
        "made_Reshape": "reshaped",
        "made_Pooling": "pooled",
        "made_Upsample": "upsampled",
        "made_Add": "sum",
        "made_Mul": "product",
        "made_Concat": "joined",
        "gather_ZeroInsert": "zeros between the cells: stride − 1 = {0}",
        "gather_Pad": "zeros around: kernel − 1 − padding = {0}",
        "gather_Pad_dilated": "zeros around: dilation·(kernel − 1) − padding = {0}",
        "gather_more": "; at the end {0} more",
        "does_ZeroInsert": "zeros go between the cells, as the stride says",
        "does_Pad": "cells are added at the edges, as the padding says",
        "does_Pad_zeros": "zeros are added at the edges, as the padding says",
        "does_Pad_zeros_left": "zeros are added on the left only",
        "scale": "lighter cells hold larger values; each tensor has its own scale",
        "mixes": "new colours: each group mixes channels of several groups",
        "mixes_all": "a colour for each filter, which mixes all channels",
        "new_hues": "{0}: new colours, each group mixes channels of several groups",
        "does_ChannelShuffle": "every group has channels of all groups",
        "does_ChannelShuffle_reshape": "reshape: {0} channels, from the front, into {1} groups of {2}",
        "does_ChannelShuffle_transpose": "transpose: {2} groups of {1}, from the front, into {1} of {2}",
        "does_ChannelShuffle_flatten": "flatten: one row of {0} channels again, from the front",
        "does_ChannelShuffle_flatten_groups": "flatten: the new order, from the front, in {1} groups",
        "becomes": "{0}: {1} becomes {2}",
        "does_PixelShuffle": "{1} channels become one: each has place (u, v) in every {0} × {0} block",
        "does_PixelUnshuffle": "one channel becomes {1}: each takes (u, v) of every {0} × {0} block",
        "from_zero": "{0}, counted from 0",
        "does_Flatten": "all cells in a row",
        "does_Reshape": "the same cells in another shape, each in its colour",
        "does_Unfold": "each window becomes a column",
        "does_WindowColumns": "each kernel becomes a row, each window a column",
        "does_WindowColumns_one": "the kernel becomes a row, each window a column",
        "does_MaxUnpool2d": "each largest cell goes back to where it was found; the rest is 0",
        "does_Add": "cells in the same place are added",
        "does_Mul": "cells that belong together are multiplied",
        "merged": "{0}, cell by cell",
        "does_Narrow": "some of the cells go on, the others stay behind",
        "does_Concat": "the channels are put one behind the other",
        "does_ChannelSum": "the channels are added, cell by cell",
        "does_ChannelSum_bias": "the channels and the bias {0} are added, cell by cell",
        "layers": "{0} layers",
        "layers_one": "{0} layer",
        "kind_input": "input",
        "kind_convolution": "convolution",
        "kind_transposed": "transposed convolution",
        "kind_linear": "linear",
        "kind_pooling": "pooling",
        "kind_upsampling": "upsampling",
        "kind_joining": "sum, concatenation, ...",
        "kind_other": "other",
        "log_sides": "sides of a block: 1 + log2 n of its n channels (in depth), rows and columns",
        "true_sides": "blocks in true proportion: channels in depth, rows, columns",
        "so_many": "× n: n layers, or units, of a kind, one after another",
        "unknown": "shape not known",
        "dives_into": "dives into {0}",
        "picture": "picture {0}",
        "from_front": "front {0}",
        "channel_list": "channels {0}",
        "renumbered": "shuffled channels are numbered anew",
        "group": "group {0}",
        "left_out": "{0} more",
        "left_out_pictures": "pictures",
        "left_out_groups": "groups",
        "left_out_filters": "filters",
        "left_out_channels": "channels",
        "left_out_channels_each": "channels each",
        "left_out_rows": "rows",
        "left_out_columns": "columns",
        "left_out_rows_columns": "rows, {0} more columns",
        "left_out_weights": "weights",
        "enlarged": "{0} times",
        "enlarged_how": "larger",
        "undrawn": "not drawn",
        "traced_step": "back through stage {0} / {1} · step",
        "traced_middle": "the middle output cell",
        "traced_last": "the last output cell",
        "traced_only": "the output cell",
        "which_seen": "what does {1} see of {0}?",
        "which_used": "what does {1} use of {0}?",
        "sees": "{2} sees {0} cells of {1}",
        "sees_one": "{2} sees one cell of {1}",
        "sees_whole": "{2} sees {3} = {0} cells of {1}",
        "sees_field": "{2} sees {0} cells of {1}, spread over {3}",
        "sees_field_one": "{2} sees one cell of {1}, in a field of {3}",
        "and_of": "and how many of {0}?",
        "now_of": "{0}; now {1}",
        "growth": "layer by layer, a cell sees {0} across",
        "uses": "{2}: {0} of {1} used; darker: more often (max {3})",
        "uses_once": "{2}: {0} of {1} cells used, once each",
        "hybrid": "M: max distance of used cells; M{0} = dilation r{0} = {1}",
        "hybrid_rule": "M = max(N − 2r, N − 2(N − r), r), N: next layer's M",
        "within": " ≤ kernel {0}",
        "beyond": " > kernel {0}",
        "no_hole": "no hole in the input",
        "holes": "holes remain",
        "divisor": "all dilations share the factor {0}: holes remain",
    },
    "zh": {
        "input_colors": "输入（R、G、B）",
        "input": "输入",
        "again": "同一输入",
        "partial_sums": "部分和",
        "output": "输出",
        "made": "输出 {0}",
        "filters": "{0} 个卷积核",
        "filter": "1 个卷积核",
        "flipped": "{0}（已翻转）",
        "with_bias": "{0} + 偏置",
        "dilated": "{0}（空洞率 {1}）",
        "turned": "已翻转",
        "kernel": "卷积核 ×{0}",
        "kernels": "卷积核",
        "offsets": "偏移量",
        "offset_rule": "偏移量 {0} = 2 · ({1})：每格有行、列偏移",
        "weights": "权重 ×{0}",
        "weight_sets": "{0} 组权重",
        "weight_sets_one": "1 组权重",
        "window": "窗口",
        "batch": "批量",
        "channels": "通道",
        "length": "长度",
        "depth": "深",
        "height": "高",
        "width": "宽",
        "of_kernel": "核 {0}",
        "of_window": "窗口 {0}",
        "of_stride": "步幅 {0}",
        "of_padding": "填充 {0}",
        "of_factor": "倍数 {0}",
        "of_zeros": "零 {0}",
        "in_all": "整体：{0}",
        "in_step": "本步：{0}",
        "dilation": "空洞率",
        "of_dilation": "空洞率 {0}",
        "of_output_padding": "输出填充 {0}",
        "shape": "形状",
        "of_parameters": "参数",
        "parameters": "{0} 个参数",
        "parameters_one": "{0} 个参数",
        "biases": "{0} 个偏置",
        "biases_one": "{0} 个偏置",
        "macs": "{0} 次乘加",
        "macs_one": "{0} 次乘加",
        "macs_long": "{0} 次乘加",
        "macs_long_one": "{0} 次乘加",
        "without_zeros": "{0}，其中 {1} 次乘添零",
        "landing": "{0}，输出内 {1} 次",
        "with_shares": "{0}，复制不计",
        "unmixed": "{0}（不计混合）",
        "without_matrix_zeros": "{0}（跳过零）",
        "against": "对比",
        "each_way": "每种方式：{0}",
        "alike": "各 {0}",
        "step": "步骤",
        "stage_step": "阶段 {0} / {1} · 步骤",
        "view_step": "部分 {0} / {1} · 步骤",
        "stage_view_step": "阶段 {2} / {3} · 部分 {0} / {1} · 步骤",
        "land": "窗口读取 {0} 个单元",
        "multiply": "每个卷积核用自己的 {0} 个权重与它们相乘",
        "multiply_one": "每个卷积核用自己的权重与它相乘",
        "multiply_part": "每个卷积核用自己的权重与其中 {0} 个相乘",
        "multiply_part_one": "每个卷积核用自己的权重与其中一个相乘",
        "multiply_alone": "卷积核用 {0} 个权重与它们相乘",
        "multiply_alone_one": "卷积核用权重与它相乘",
        "land_all": "读取全部 {0} 个单元",
        "land_all_one": "读取唯一的单元",
        "multiply_output": "每个输出用自己的 {0} 个权重与它们相乘",
        "multiply_output_one": "每个输出用自己的权重与它相乘",
        "multiply_first_output": "输出 1 用自己的 {0} 个权重与它们相乘",
        "multiply_first_output_one": "输出 1 用自己的权重与它相乘",
        "on_lines": "{0}，每条线一个",
        "write_outputs": "…… 写入各个输出",
        "land_windows": "{1} 个窗口共读取 {0} 个单元",
        "land_padded": "{0}，其中 {1} 个是填充（0）",
        "land_padded_short": "{0} 个单元中 {1} 个是填充（0）",
        "land_pooled": "{0}，其中 {1} 个是填充",
        "land_pooled_short": "{0} 个单元中 {1} 个是填充",
        "sum": "…… 将 {0} 个乘积相加",
        "sum_one": "…… 只有一个乘积",
        "sum_bias": "…… 将 {0} 个乘积与偏置相加",
        "sum_bias_one": "…… 将乘积与偏置相加",
        "write": "…… 写入一个输出单元",
        "one_filter": "卷积核 {0}",
        "one_output": "输出 {0}",
        "one_channel": "通道 {0}",
        "one_class": "类别 {0}",
        "in": "{0} 中，{1}",
        "multiply_values": "{0} 相乘：{1}",
        "multiply_channel": "{0}，通道 1：{1}",
        "sum_values": "…… 求和：{0}",
        "bias_values": "…… 加偏置：{0}",
        "product_values": "…… 相乘：{0}",
        "sum_channels": "…… 各通道相加：{0}",
        "bias": "偏置 {0}",
        "write_value": "…… 写入 {0}",
        "remembers": "{0}，记住索引 {1}（从 0 计数）",
        "found": "最大值 {0}，索引 {1}",
        "land_one": "窗口读取一个单元",
        "sample": "{0} 处采样，各由周围单元双线性混合",
        "sample_one": "一处采样，由周围单元双线性混合",
        "max": "…… 保留最大的一个",
        "mean": "…… 取平均值",
        "mix": "…… 按距离加权混合",
        "mix_shares": "…… 每个方向按 {0} 和 {1} 混合：越近占得越多",
        "mix_one": "…… 混合最近的单元（此处只有一个）",
        "mixed": "混合 {0} 个单元：{1}",
        "mixed_one": "复制一个单元：{0}",
        "copy": "…… 复制该单元",
        "each": "…… 逐个处理单元",
        "one": "…… 由它们得出一个数",
        "formula": "…… 计算 {0}",
        "write_each": "…… 在每个通道写入一个输出单元",
        "write_filters": "…… 每个卷积核写入一个输出单元",
        "opened": "窗口前面的单元缩小，以便看到窗口",
        "opened_both": "前面的单元缩小，以便看到读取和写入之处",
        "pass_rows": "输出的第 {0} 至 {1} 行略过：未画出",
        "pass_steps": "第 {0} 至 {1} 步略过：未画出",
        "scatter": "该单元与 {0} 个权重相乘",
        "scatter_one": "该单元与权重相乘",
        "spread": "…… {0} 个乘积散布到输出的一个窗口上",
        "spread_one": "…… 乘积落在输出的一个单元上",
        "spread_cut": "…… {0} 个乘积中 {1} 个落入输出，其余裁去",
        "add": "…… 并加到输出上",
        "reshape": "重塑后",
        "transpose": "转置后",
        "flip": "翻转卷积核：各单元绕中心旋转半圈",
        "flip_all": "翻转各卷积核：各单元绕中心旋转半圈",
        "matrix": "矩阵",
        "transposed_matrix": "转置矩阵",
        "product": "乘积",
        "products": "乘积",
        "filter_rows": "核展成行",
        "filter_rows_one": "核展成一行",
        "columns": "列",
        "columns_zeros": "，落在填充上的为 0",
        "columns_copies": "，落在填充上的取其重复的单元",
        "padding_max": "空单元是填充：−∞，不会成为最大值",
        "padding_mean": "填充按 0 计入",
        "padding_apart": "填充不计入：只对真实单元取平均",
        "around_zeros": "带框单元是填充：0",
        "around_zeros_shown": "带框的 0 是填充",
        "around_reflect": "框外单元是填充：以最外层单元为镜面的镜像",
        "around_replicate": "框外单元是填充：重复最外层的单元",
        "around_circular": "框外单元是填充：取自对侧的单元",
        "matrix_zeros": "；落在填充上的权重不列入矩阵",
        "matrix_copies": "；填充重复单元之处，权重相加",
        "row_meets": "每一行与一列的 {0} 个单元相乘",
        "row_meets_one": "每一行与一列的一个单元相乘",
        "row_meets_alone": "该行与一列的 {0} 个单元相乘",
        "row_meets_alone_one": "该行与一列的一个单元相乘",
        "the_kernel": "卷积核 ×{0}",
        "the_bias": "偏置",
        "one_column": "第 {0} 列",
        "row_column": "行向量与矩阵的第 {0} 列相乘",
        "row_multiply": "该列 {1} 个数中权重 {0} 个，其余为 0",
        "made_ZeroInsert": "插入零",
        "made_Pad": "填充后",
        "made_ChannelShuffle": "混洗后",
        "made_Flatten": "展平后",
        "made_Reshape": "重塑后",
        "made_Pooling": "池化后",
        "made_Upsample": "上采样后",
        "made_Add": "和",
        "made_Mul": "积",
        "made_Concat": "拼接后",
        "gather_ZeroInsert": "单元之间的零：步幅 − 1 = {0}",
        "gather_Pad": "四周的零：核大小 − 1 − 填充 = {0}",
        "gather_Pad_dilated": "四周的零：空洞率·(核大小 − 1) − 填充 = {0}",
        "gather_more": "；末尾再多 {0}",
        "does_ZeroInsert": "按步幅在单元之间插入零",
        "does_Pad": "按填充在边缘添加单元",
        "does_Pad_zeros": "按填充在边缘添加零",
        "does_Pad_zeros_left": "只在左侧添加零",
        "scale": "单元越亮，值越大，各个张量尺度不同",
        "mixes": "新颜色：每组混合了多个组的通道",
        "mixes_all": "每个卷积核一种颜色，各自混合所有通道",
        "new_hues": "{0}用新颜色：每组混合了多个组的通道",
        "does_ChannelShuffle": "每组都有所有组的通道",
        "does_ChannelShuffle_reshape": "重塑：{0} 个通道由前到后分成 {1} 组，每组 {2} 个",
        "does_ChannelShuffle_transpose": "转置：由前到后，{2} 组各 {1} 个变为 {1} 组各 {2} 个",
        "does_ChannelShuffle_flatten": "展平：由前到后重新排成一行，共 {0} 个通道",
        "does_ChannelShuffle_flatten_groups": "展平：由前到后按新的顺序分成 {1} 组",
        "becomes": "{0}：{1} 变为 {2}",
        "does_PixelShuffle": "每 {1} 个通道合成一个：各占每个 {0} × {0} 块中的一个位置 (u, v)",
        "does_PixelUnshuffle": "每个通道分成 {1} 个：各取每个 {0} × {0} 块中的一个位置 (u, v)",
        "from_zero": "{0}（从 0 计数）",
        "does_Flatten": "所有单元排成一行",
        "does_Reshape": "同样的单元，换一种形状，颜色不变",
        "does_Unfold": "每个窗口变成一列",
        "does_WindowColumns": "每个卷积核变成一行，每个窗口变成一列",
        "does_WindowColumns_one": "卷积核变成一行，每个窗口变成一列",
        "does_MaxUnpool2d": "每个最大值回到原来的位置，其余为 0",
        "does_Add": "同一位置的单元相加",
        "does_Mul": "对应的单元相乘",
        "merged": "{0}，逐个单元",
        "does_Narrow": "一部分单元继续前进，其余留下",
        "does_Concat": "各通道依次前后排列",
        "does_ChannelSum": "各通道逐个单元相加",
        "does_ChannelSum_bias": "各通道与偏置 {0} 逐个单元相加",
        "layers": "{0} 层",
        "layers_one": "{0} 层",
        "kind_input": "输入",
        "kind_convolution": "卷积",
        "kind_transposed": "转置卷积",
        "kind_linear": "全连接",
        "kind_pooling": "池化",
        "kind_upsampling": "上采样",
        "kind_joining": "相加、拼接等",
        "kind_other": "其他",
        "log_sides": "方块的边长：1 + log2 n，n 为通道数（纵深）、行数、列数",
        "true_sides": "方块按真实比例：通道数（纵深）、行数、列数",
        "so_many": "× n：相同的层或单元连续 n 个",
        "unknown": "形状未知",
        "dives_into": "进入 {0}",
        "picture": "图像 {0}",
        "from_front": "由前起 {0}",
        "channel_list": "通道 {0}",
        "renumbered": "混洗后的通道重新编号",
        "group": "第 {0} 组",
        "left_out": "另有 {0}",
        "left_out_pictures": "张图像",
        "left_out_groups": "组",
        "left_out_filters": "个卷积核",
        "left_out_channels": "个通道",
        "left_out_channels_each": "个通道（各）",
        "left_out_rows": "行",
        "left_out_columns": "列",
        "left_out_rows_columns": "行、{0} 列",
        "left_out_weights": "个权重",
        "enlarged": "放大 {0}",
        "enlarged_how": "倍",
        "undrawn": "未画出",
        "traced_step": "回溯阶段 {0} / {1} · 步骤",
        "traced_middle": "输出的中心单元",
        "traced_last": "最后一个输出单元",
        "traced_only": "输出单元",
        "which_seen": "{1}看到{0}的哪些单元？",
        "which_used": "{1}用到{0}的哪些单元？",
        "sees": "{2}看到{1}的 {0} 个单元",
        "sees_one": "{2}看到{1}的 1 个单元",
        "sees_whole": "{2}看到{1}的 {3} = {0} 个单元",
        "sees_field": "{2}看到{1}的 {0} 个单元，散布在 {3} 中",
        "sees_field_one": "{2}看到{1}的 1 个单元，感受野为 {3}",
        "and_of": "{0}又有多少？",
        "now_of": "{0}；现在看{1}",
        "growth": "一个单元逐层看到的宽度：{0}",
        "uses": "{2}：{1} 个单元用到 {0} 个；越深越常用（至多 {3}）",
        "uses_once": "{2}：{1} 个单元中用到 {0} 个，各一次",
        "hybrid": "M：用到的单元间的最大距离，r：空洞率；M{0} = r{0} = {1}",
        "hybrid_rule": "M = max(N − 2r, N − 2(N − r), r)，N：后一层的 M",
        "within": " ≤ 核 {0}",
        "beyond": " > 核 {0}",
        "no_hole": "输入没有空洞",
        "holes": "留下空洞",
        "divisor": "空洞率有公因数 {0}：留下空洞",
    },
}


class Words:
    """The vocabulary of one language."""

    def __init__(self, language: str) -> None:
        self._words = WORDS[language]
        self.colon, self.comma, self.pause = ("：", "，", "；") if language == "zh" else (": ", ", ", "; ")
        self.naming = "·" if language == "zh" else ": "
        """Between what something is and its name."""
        self.goes_on = "…… " if language == "zh" else "… "
        """With this a phrase begins that goes on from the one before it."""

    def __contains__(self, key: str) -> bool:
        """Whether there is such a phrase."""
        return key in self._words

    def __call__(self, key: str, *values: object) -> str:
        """The phrase with numbers put in; an unknown key is its own word."""
        template = self._words.get(key, key)
        for i, value in enumerate(values):
            template = template.replace(f"{{{i}}}", str(value))
        return template

    def of(self, who: str, phrase: str) -> str:
        """A phrase that goes on, ``… adds: 3``, as one about somebody, ``filter 1 adds: 3``; as it is about nobody."""
        return f"{who} {phrase.removeprefix(self.goes_on)}" if who else phrase

    def counted(self, key: str, number: int, *values: object) -> str:
        """The phrase with a number put in first, ``1,234 MACs``; if it is one, in the singular, if there is one."""
        singular = f"{key}_one"
        return self(singular if number == 1 and singular in self else key, count(number), *values)


def size(shape: tuple[int, ...]) -> str:
    """``8 × 7 × 7``."""
    return TIMES.join(map(count, shape))


def torch_calls(scene: Scene) -> list[str]:
    """The stages of a scene as one writes them in PyTorch: a pool hands on the indices that an unpooling takes."""
    unpooled = {scene.pool_of(n) for n, stage in enumerate(scene.stages) if isinstance(stage.op, MaxUnpool2d)}
    calls, shapes = [], scene.shapes
    for number, stage in enumerate(scene.stages):
        reads, op = stage.reads or (number,), stage.op
        op = op.with_axes(len(op.split(shapes[reads[0]])[1]) - 1)
        if isinstance(op, MaxPool2d) and number in unpooled:
            op = replace(op, return_indices=True)
        calls.append(torch_call(op, len(reads)))
    return calls


def torch_call(op: Operation, tensors: int = 2) -> str:
    """The operation as one writes it in PyTorch: what differs from the defaults, and no more.

    ``tensors`` is how many a merge reads. Sources: the documentation of torch.nn, torch.nn.functional, torch.cat and
    torchvision.ops.
    """
    if isinstance(op, Pad):  # a function there, which begins with the last axis
        sides = entries(op.padding) or [(op.padding, op.padding)] * (op.spatial_axes or 2)
        flat = tuple(side for pair in reversed(sides) for side in (entries(pair) or (pair, pair)))
        mode = "" if op.padding_mode == "zeros" else f", mode={op.padding_mode!r}"
        return f"F.pad(x, {flat!r}{mode})"
    if isinstance(op, ZeroInsert):
        return f"y[{', '.join(['...', *(f'::{step}' for step in per_axis(op.stride, op.spatial_axes or 2))])}] = x"
    if isinstance(op, Merge) and op.SEVERAL:
        names = "xyz"[:tensors] if tensors <= 3 else [f"x{i}" for i in range(1, tensors + 1)]
        if isinstance(op, Add | Mul):
            return (" + " if isinstance(op, Add) else " * ").join(names)
        if isinstance(op, Concat):
            return f"torch.cat(({', '.join(names)}), dim={op.dim})"
    if isinstance(op, MaxUnpool2d) and op.output_size is not None:  # no parameter of the layer, but of its call
        return f"F.max_unpool2d(x, indices, {', '.join(_arguments(op))})"
    if isinstance(op, Narrow):
        return f"x.narrow({op.dim}, {op.start}, {op.length})"
    library = "ops" if isinstance(op, DeformConv2d) else "nn"  # torchvision's
    return f"{library}.{type(op).__name__}({', '.join(_arguments(op))})"


def _arguments(op: Operation) -> Iterator[str]:
    """Those of a layer that differ from its defaults."""
    for f in fields(op):  # pyright: ignore[reportArgumentType]
        if f.kw_only:  # what the operation found out for itself
            continue
        value = getattr(op, f.name)
        needed = f.default is MISSING
        if isinstance(op, Softmax) and value is None:  # PyTorch guesses from the number of axes, and warns of that
            value = 1
        if isinstance(value, tuple) and len(set(value)) == 1 and f.name != "output_size":
            value = value[0]
        if not needed and value == f.default:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        positional = needed and f.name != "kernel_size"
        yield repr(value) if positional else f"{f.name}={value!r}"


Named = Callable[[str, object], str]
"""How a formula tells a number, given what that is of the operation: with its name or without."""


def _bare(_: str, number: object) -> str:
    return str(number)


def size_formulas(op: Operation, shape: Shape, words: Words | None = None, around: str = "padding") -> list[str]:
    """The output-size formula with this stage's numbers: one line if all axes agree, else one per axis.

    ``shape`` is the input's; no line where the sizes follow from no window. With ``words`` each number of the operation
    has its name before it; what a Pad puts ``around`` cells may be called "zeros".

    Sources: the shape sections of torch.nn.Conv2d's, MaxPool2d's and ConvTranspose2d's
    documentation; of adaptive pools, which cells a window has, :class:`~..conv_math.pool.Adaptive`.
    """
    named = _bare if words is None else lambda key, number: words(f"of_{key}", number)
    item = op.split(shape)[1]
    axes = len(item) - 1
    window = getattr(op, "window", None)
    sizes = list(zip(item[1:], op.output_item(item)[1:], strict=False))
    if isinstance(op, ConvTranspose):
        lines = [_transposed(op, axis, *pair, named) for axis, pair in enumerate(sizes)]
    elif isinstance(op, ZeroInsert):
        steps = (named("stride", stride) for stride in per_axis(op.stride, axes))
        lines = [f"({before} − 1)·{step} + 1 = {after}" for (before, after), step in zip(sizes, steps, strict=True)]
    elif isinstance(op, Pad):
        sides = (_sides(*side, named, around) for side in op.sides(axes))
        lines = [f"{before} + {side} = {after}" for (before, after), side in zip(sizes, sides, strict=True)]
    elif isinstance(op, Adaptive) and all(after <= before for before, after in sizes):
        lines = [_adapted(*pair, named) for pair in sizes]
    elif isinstance(op, Upsample) and op.size is None:
        factors = per_axis(op.scale_factor, axes)
        lines = [_scaled(*pair, factor, named) for pair, factor in zip(sizes, factors, strict=True)]
    elif isinstance(op, MaxUnpool2d) and op.output_size is None:
        lines = [_unpooled(op, axis, *pair, named) for axis, pair in enumerate(sizes)]
    elif isinstance(op, Slide) and window is not None and axes:
        lines = [_slid(op, window, axis, *pair, named) for axis, pair in enumerate(sizes)]
    else:
        return []
    if len(set(lines)) == 1:
        return lines[:1]
    names = ("D", "H", "W")[-axes:]
    return [f"{name}:  {line}" for name, line in zip(names, lines, strict=True)]


def _sides(before: int, after: int, named: Named, called: str = "padding") -> str:
    """Padding on both sides: ``2·1``, ``1 + 2``; in brackets where cells are cut off."""
    if before == after:
        return f"2·{named(called, before if before >= 0 else f'({before})')}"
    return named(called, " + ".join(str(side) if side >= 0 else f"({side})" for side in (before, after)))


def _reach(op: Operation, window: Window, axis: int, named: Named) -> str:
    """From the first cell that a window touches to the last one: kernel, or dilation*(kernel - 1) + 1."""
    kernel = named("kernel" if isinstance(op, Weighted) else "window", window.kernel_size[axis])
    dilation = window.dilation[axis]
    return kernel if dilation == 1 else f"({named('dilation', dilation)}·({kernel} − 1) + 1)"


def _slid(op: Operation, window: Window, axis: int, before: int, after: int, named: Named) -> str:
    """floor((before - extent + padding)/stride) + 1; with ceil_mode it may be rounded up."""
    stride, sides = window.stride[axis], window.padding[axis]
    spare = before + sum(sides) - ((window.kernel_size[axis] - 1) * window.dilation[axis] + 1)
    quotient = f"({before} − {_reach(op, window, axis, named)} + {_sides(*sides, named)}) / {named('stride', stride)}"
    if spare % stride:
        quotient = f"{'ceil' if after > spare // stride + 1 else 'floor'}({quotient})"
    return f"{quotient} + 1 = {after}"


def _adapted(before: int, after: int, named: Named) -> str:
    """From which cell to which window i goes, both counted from 0; if all are alike, how many there are."""
    if before % after == 0:
        return f"{before} / {named('window', before // after)} = {after}"
    rule = f"{named('window', 'i')}: floor({before}·i / {after}) … ceil({before}·(i + 1) / {after}) − 1"
    if after > LISTED_WINDOWS:
        return f"{rule}, i = 0 … {after - 1}"
    cells = ", ".join(f"{before * i // after}…{-(-before * (i + 1) // after) - 1}" for i in range(after))
    return f"{rule} = {cells}"


def _transposed(op: ConvTranspose, axis: int, before: int, after: int, named: Named) -> str:
    """(before - 1)*stride - 2*padding + extent + output_padding."""
    window, more = op.window, op.each("output_padding")[axis]
    stride, padding = named("stride", window.stride[axis]), named("padding", window.padding[axis][0])
    added = f" + {named('output_padding', more)}" if more else ""
    return f"({before} − 1)·{stride} − 2·{padding} + {_reach(op, window, axis, named)}{added} = {after}"


def _scaled(before: int, after: int, factor: float, named: Named) -> str:
    """floor(before*factor)."""
    larger = f"{before}·{named('factor', int(factor) if factor.is_integer() else factor)}"
    return f"{larger if before * factor == after else f'floor({larger})'} = {after}"


def _unpooled(op: MaxUnpool2d, axis: int, before: int, after: int, named: Named) -> str:
    """(before - 1)*stride - 2*padding + window."""
    kernel, padding = (per_axis(value, 2)[axis] for value in (op.kernel_size, op.padding))
    stride = named("stride", kernel if op.stride is None else per_axis(op.stride, 2)[axis])
    return f"({before} − 1)·{stride} − 2·{named('padding', padding)} + {named('window', kernel)} = {after}"


def factor_of(op: PixelShuffle | PixelUnshuffle) -> int:
    """By how much it makes rows and columns more, or fewer."""
    return op.upscale_factor if isinstance(op, PixelShuffle) else op.downscale_factor


def pixel_sizes(op: PixelShuffle | PixelUnshuffle, shape: Shape, words: Words | None = None) -> list[str]:
    """channels/factor**2 and size*factor, or the other way round: the shape sections of their documentation.

    ``shape`` is the input's; with ``words`` the factor has its name before it.
    """
    item, shuffles = op.split(shape)[1], isinstance(op, PixelShuffle)
    factor = str(factor_of(op)) if words is None else words("of_factor", factor_of(op))
    less, more = (" / ", "·") if shuffles else ("·", " / ")
    made = op.output_item(item)
    planes = [f"{before}{more}{factor} = {after}" for before, after in zip(item[1:], made[1:], strict=True)]
    alike = len(set(planes)) == 1
    names, lines = ["H, W"] if alike else ["H", "W"], planes[:1] if alike else planes
    return [f"C:  {item[0]}{less}{factor}² = {made[0]}", *(f"{n}:  {x}" for n, x in zip(names, lines, strict=True))]


def pixel_rule(op: PixelShuffle | PixelUnshuffle, words: Words) -> tuple[str, str]:
    """Which cell of the input each cell of the output is, as their documentation in torch.nn has it: in two parts."""
    shuffles = isinstance(op, PixelShuffle)
    r = factor_of(op)
    apart, together = f"[{r * r}c + {r}u + v, h, w]", f"[c, {r}h + u, {r}w + v]"
    made, read = (together, apart) if shuffles else (apart, together)
    return f"{words('output')}{made}", words("from_zero", f"= {words('input')}{read}")


def biases_of(op: Operation) -> int:
    """How many of an operation's parameters are biases, which its filters have besides their weights."""
    return op.num_parameters - math.prod(op.weight_shape or ()) if isinstance(op, Weighted) else 0


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"
