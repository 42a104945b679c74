"""HTML as a tree: whatever a text or an attribute says, it is escaped when the tree is written out."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from ..scenes.scenefile import LANGUAGES, Text

Child = Element | str | None


def tag(name: str, attributes: Mapping[str, str | bool | None] | None = None, *children: Child) -> Element:
    """An element. An attribute that is True stands without a value, one that is False or None is left out, and so is
    a child that is None."""
    known = {
        key: "" if value is True else value for key, value in (attributes or {}).items() if value not in (False, None)
    }
    made = Element(name, {key: str(value) for key, value in known.items()})
    return add(made, *children)


def add(parent: Element, *children: Child) -> Element:
    """Put children behind those that an element has; the element."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif child is not None and len(parent):
            parent[-1].tail = (parent[-1].tail or "") + child
        elif child is not None:
            parent.text = (parent.text or "") + child
    return parent


def told(text: Text, name: str = "span", attributes: Mapping[str, str | bool | None] | None = None) -> list[Element]:
    """A text in each language, of which a style sheet shows one; if they say the same, one for both."""
    if text.en == text.zh:
        return [tag(name, attributes, text.en)]
    return [tag(name, {**(attributes or {}), "lang": of}, text.in_language(of)) for of in LANGUAGES]


def document(language: str, head: list[Element], body: list[Element]) -> str:
    """A whole page."""
    root = Element("html", {"lang": language})
    SubElement(root, "head").extend([tag("meta", {"charset": "utf-8"}), *head])
    SubElement(root, "body").extend(body)
    return f"<!DOCTYPE html>\n{tostring(root, encoding='unicode', method='html')}\n"


def address(*parts: str) -> str:
    """Names of folders and a file as a relative URL."""
    return "/".join(quote(part, safe="") for part in parts)
