"""The bare bones of an ONNX file: all of it but the weights, which stay where they are until somebody asks for them.

An ONNX file is one protobuf message. Parsing it whole would copy every weight; here its fields are walked over, and a
large tensor's data become a note of where in the file they lie, in the form that ONNX has for data in another file.
Source: protobuf's "Encoding"; the field numbers of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

INLINE = 4096
"""Bytes of a tensor that stay with it: shapes and the like, which shape inference reads."""
MOST_BYTES = 64_000_000
"""The most that may be left without the weights."""
MOST_FIELDS = 2_000_000

Bytes = bytes | mmap
"""A file's bytes, in memory or mapped into it."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}

# Messages as what becomes of their fields: another message is walked into, a None is left out, all else is kept.
# Left out are remarks, shapes that somebody else has inferred, graphs within nodes, functions and training.
_Message = dict[int, "_Message | None"]
_DATA = (4, 9, 10)
"""Of a tensor: float_data, raw_data, double_data, which are packed in the same way."""
_TENSOR: _Message = {12: None, 16: None}
_ATTRIBUTE: _Message = {5: _TENSOR, 6: None, 10: _TENSOR, 11: None, 13: None, 22: None, 23: None}
_NODE: _Message = {5: _ATTRIBUTE, 6: None, 9: None}
_GRAPH: _Message = {1: _NODE, 5: _TENSOR, 10: None, 13: None, 14: None, 15: None, 16: None}
_MODEL: _Message = {6: None, 7: _GRAPH, 14: None, 20: None, 25: None, 26: None}


class WireError(ValueError):
    """It is no protobuf message, or more of it than there can be; what is wrong, in a few words."""


def bones(data: Bytes) -> bytes:
    """The message without weights: tensors' data of more than `INLINE` bytes are external, in a file called "".

    Raises WireError for what is cut off, is no such message, or would leave more than MOST_BYTES.
    """
    return _Walk(data).message(0, len(data), _MODEL)


class _Walk:
    def __init__(self, data: Bytes) -> None:
        self.data, self.fields, self.kept = data, 0, 0

    def message(self, start: int, end: int, form: _Message) -> bytes:
        parts: list[bytes] = []
        for number, kind, begin, first, last in self._fields(start, end):
            inner = form.get(number, {})
            if inner is None:
                continue
            if inner and kind == BYTES:
                parts.append(_field(number, self.message(first, last, inner)))
            elif form is _TENSOR and number in _DATA and kind == BYTES and last - first > INLINE:
                parts.append(_elsewhere(first, last - first))
            else:
                self.kept += last - begin
                if self.kept > MOST_BYTES:
                    raise WireError(f"more than {MOST_BYTES:,} bytes of it are not weights")
                parts.append(bytes(self.data[begin:last]))
        return b"".join(parts)

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        """Number and kind of each field, where it begins, and where its value begins and ends."""
        while at < end:
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise WireError(f"it has more than {MOST_FIELDS:,} fields")
            begin = at
            tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            if kind == VARINT:
                first, at = at, self._varint(at, end)[1]
            elif kind == BYTES:
                length, first = self._varint(at, end)
                at = first + length
            elif kind in _FIXED:
                first, at = at, at + _FIXED[kind]
            else:
                raise WireError(f"byte {begin} begins no field")
            if number == 0:
                raise WireError(f"byte {begin} begins no field")
            if at > end:
                raise WireError(f"it is cut off: a field at byte {begin} would end at byte {at:,} of {end:,}")
            yield number, kind, begin, first, at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift, byte in enumerate(self.data[at : min(at + 10, end)]):
            value |= (byte & 0x7F) << 7 * shift
            if byte < 0x80:
                return value, at + shift + 1
        raise WireError(f"it is cut off at byte {end:,}" if at + 10 > end else f"byte {at} begins no number")


def _field(number: int, value: bytes) -> bytes:
    return _number(number << 3 | BYTES) + _number(len(value)) + value


def _number(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])


def _elsewhere(offset: int, length: int) -> bytes:
    """Of a tensor: external_data and data_location."""
    notes = (("location", ""), ("offset", str(offset)), ("length", str(length)))
    entries = [_field(1, key.encode()) + _field(2, value.encode()) for key, value in notes]
    return b"".join(_field(13, entry) for entry in entries) + _number(14 << 3 | VARINT) + b"\x01"
