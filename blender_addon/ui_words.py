"""The interface's words in Chinese, for Blender's own translations, and the language of what is built."""

from __future__ import annotations

import bpy

from .child import PACKAGE

CHINESE = {
    "Convolution": "卷积",
    "Choose": "选择",
    "Choose a convolution": "选择一种卷积",
    "Choose a convolution, or open a scene file": "请选择一种卷积，或打开场景文件",
    "Open Scene File": "打开场景文件",
    "Save Scene File": "保存场景文件",
    "Operations": "运算",
    "Operation": "运算",
    "Stage": "阶段",
    "Add Stage": "添加阶段",
    "Remove Stage": "移除阶段",
    "Input": "输入",
    "Input shape": "输入形状",
    "Dimensions": "维数",
    "Padding": "填充",
    "More": "更多",
    "Words": "文字",
    "Title": "标题",
    "Title in Chinese": "中文标题",
    "Time and Look": "时间与外观",
    "Order": "顺序",
    "Seconds": "秒数",
    "Camera": "相机",
    "Light": "灯光",
    "Theme": "主题",
    "Show": "显示",
    "Channels side by side": "通道并排",
    "Update on change": "更改时更新",
    "Result": "结果",
    "Parameters": "参数量",
    "MACs": "乘加次数",
    "Steps": "步数",
    "Frames": "帧数",
    "Cells": "单元数",
    "Build": "构建",
    "Build Anew": "重新构建",
    "Remove": "移除",
    "Render": "渲染",
    "Cancel": "取消",
    "Output": "输出",
    "Quality": "质量",
    "Transparent": "透明",
    "Size limit (MB)": "大小上限 (MB)",
    "Width": "宽度",
    "Height": "高度",
    "Frames a second": "每秒帧数",
    "Open Folder": "打开文件夹",
    "Rendering": "正在渲染",
    "Done": "完成",
    "Cancelled": "已取消",
    "The animation is being rendered": "动画正在渲染",
    "Convolution Presets": "卷积预设",
    "Cache folder": "缓存文件夹",
    "Cache size (MB)": "缓存大小 (MB)",
    "Captions": "说明文字",
    "Workers": "进程数",
    "As the interface": "同界面语言",
    "Add Convolution Preset": "添加卷积预设",
    "Render As": "渲染为",
    "Settings of What Was Built": "读取已构建动画的设置",
    "Scene file": "场景文件",
    "draft": "草稿",
    "standard": "标准",
    "final": "最终",
    # what buttons do
    "Take a convolution from the catalog": "从目录中选取一种卷积",
    "Read the settings from a scene file": "从场景文件读取设置",
    "Write the settings into a scene file": "将设置写入场景文件",
    "Keep these settings, or with the minus forget them": "保存当前设置为预设；减号则删除预设",
    "Add an operation behind the last one": "在最后一个运算之后添加一个运算",
    "Remove this operation": "移除此运算",
    "Build the animation in a collection of its own, in place of the one before": (
        "在单独的集合中构建动画，替换之前构建的"
    ),
    "Remove what was built, and nothing else": "仅移除已构建的内容",
    "Show the settings that the animation was built from": "显示构建该动画时所用的设置",
    "Render the animation in the background; Esc cancels": "在后台渲染动画；按 Esc 取消",
    "Say where the animation is to be written, and render it": "指定动画的保存位置并渲染",
    "Stop rendering; frames that are done are kept for the next time": "停止渲染；已完成的帧会保留，下次继续使用",
    # what settings mean
    "As in torch.nn": "与 torch.nn 相同",
    "A number for each axis": "每个轴一个数字",
    "Left out, it follows from the rest": "不指定时由其他参数推出",
    'More keys of a scene file, such as weight = "sobel-x", view = "gather", from = "input"': (
        '场景文件的其他键，例如 weight = "sobel-x"、view = "gather"、from = "input"'
    ),
    'More keys of the input, such as values = "ramp", seed = 3': '输入的其他键，例如 values = "ramp"、seed = 3',
    'Of the whole scene, such as note = "a line below the result"': '整个场景的键，例如 note = "结果下方的一行文字"',
    "Of the input's shape": "输入形状的维数",
    "Of the result": "结果的通道",
    "At each position all filters at once, or filter after filter": "在每个位置同时计算所有滤波器，或逐个滤波器计算",
    "Look through the animation's own camera": "使用动画自带的相机",
    "The animation's own sun and world": "使用动画自带的日光与世界环境",
    "Build anew after every change, if the scene is small": "场景较小时，每次更改后自动重新构建",
    "A file: .mp4, .gif, .webm, .webp or .png; // is the folder of the .blend": (
        "输出文件：.mp4、.gif、.webm、.webp 或 .png；// 表示 .blend 所在的文件夹"
    ),
    "The most that an animation may weigh, in 1,000,000 bytes; 0: any size": (
        "动画文件的最大大小，以 1,000,000 字节为单位；0 表示不限"
    ),
    "With no floor and no backdrop (not .mp4)": "没有地面和背景（不适用于 .mp4）",
    "All of it as the text of a scene file": "以场景文件文本表示的全部设置",
    "Where rendered frames are kept; empty: in the extension's own folder": (
        "渲染帧的保存位置；留空则为扩展自己的文件夹"
    ),
    "Beyond it the frames that were used longest ago are removed": "超出时移除最久未使用的帧",
    "The language of titles and captions": "标题和说明文字的语言",
    "Processes that render side by side; 0: one per core": "同时渲染的进程数；0 表示每个核心一个",
    # what is wrong
    "Output: {name} lies beside a .blend that is not saved yet; allowed: a full path": (
        "输出：{name} 要放在尚未保存的 .blend 旁边；允许：完整路径"
    ),
    "Output: {name}; allowed: a name that ends in {endings}": "输出：{name}；允许：以 {endings} 结尾的文件名",
    "Output: there is no folder {folder}; allowed: one that is there": (
        "输出：文件夹 {folder} 不存在；允许：已存在的文件夹"
    ),
    "{path} cannot be written: {reason}; allowed: another place": "{path} 无法写入：{reason}；允许：换一个位置",
    "Built by a newer version of this extension: its settings are of version {theirs}, not {ours}": (
        "由此扩展的较新版本构建：其设置的版本为 {theirs}，而不是 {ours}"
    ),
    "The settings of what was built cannot be read: {reason}": "无法读取已构建动画的设置：{reason}",
}
CONTEXT = "convmotion"
"""Of words that Blender itself has with other meanings."""
TRANSLATIONS = {
    locale: {
        (context, english): chinese for english, chinese in CHINESE.items() for context in ("*", "Operator", CONTEXT)
    }
    for locale in ("zh_HANS", "zh_CN")
}
"""Blender's own name of simplified Chinese, which is another one up to 4.2's settings."""


def register() -> None:
    bpy.app.translations.register(PACKAGE, TRANSLATIONS)


def unregister() -> None:
    bpy.app.translations.unregister(PACKAGE)


def translated(text: str) -> str:
    """In the interface's language."""
    return bpy.app.translations.pgettext_iface(text, CONTEXT)


def interface_language() -> str:
    """ "zh" or "en"."""
    return "zh" if (bpy.app.translations.locale or "").startswith("zh") else "en"


def language() -> str:
    """Of catalog and captions: what the preferences say, else the interface's."""
    from .ui_preferences import preferences

    chosen = preferences().language
    return interface_language() if chosen == "interface" else chosen
