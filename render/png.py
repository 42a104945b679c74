"""PNG files as chunks: whether one is whole, and the same picture without what its maker wrote beside it."""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def bare(data: bytes) -> bytes | None:
    """The file with those chunks only that make the picture, so that equal pictures are equal files; None if a byte is
    missing or changed: chunks carry check sums."""
    if not data.startswith(SIGNATURE):
        return None
    kept, at = [SIGNATURE], len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return None
        kind = data[at + 4 : at + 8]
        if kind[:1].isupper():  # critical, as the format says; all others may be left out
            kept.append(data[at:end])
        at = end
        if kind == b"IEND":
            return b"".join(kept) if at == len(data) else None
    return None
