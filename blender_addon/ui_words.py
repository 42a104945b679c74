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
