"""Tables as TOML text: what tomllib, which only reads, lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_of(table: Mapping[str, Any]) -> str:
    """The text that tomllib reads as this table: tables and lists of tables as sections, all else as one line each."""
    lines = [f"{_key(key)} = {value_of(value)}" for key, value in table.items() if not _is_section(value)]
    for key, value in table.items():
        if isinstance(value, Mapping) and _is_section(value):
            lines += ["", f"[{_key(key)}]", *_lines(value)]
        elif _is_section(value):
            for row in value:
                lines += ["", f"[[{_key(key)}]]", *_lines(row)]
    return "\n".join(lines).lstrip("\n") + "\n"


def value_of(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_of, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {value_of(value)}" for key, value in table.items()]


def _is_section(value: Any) -> bool:
    """A table, unless it is a text in two languages; or a list of tables."""
    if isinstance(value, Mapping):
        return not all(isinstance(entry, str) for entry in value.values())
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else value_of(key)
