"""The frame store: pictures on disk under the hash of all that decides their pixels, for any number of processes."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from . import patches

MOST_BYTES = 2_000_000_000
"""Beyond it the pictures that were used longest ago are removed."""
STRAY_SECONDS = 3600.0
"""How old a half-written file is before it counts as left behind."""


def default_folder() -> Path:
    """Where frames are kept unless told otherwise: the user's cache folder, or what CONVMOTION_CACHE names."""
    named = os.environ.get("CONVMOTION_CACHE")
    return Path(named) if named else user_cache_path("convmotion", appauthor=False) / "frames"


@dataclass(frozen=True)
class FrameStore:
    """Patches in ``folder``, each named by its key (hexadecimal), at most ``most_bytes`` of them after `trim`.

    A file appears under its name only once it is whole; one that is damaged all the same counts as missing and is
    removed. Nothing here fails for a full or unwritable disk: then frames are rendered again another time.
    """

    folder: Path
    most_bytes: int = MOST_BYTES

    def path(self, key: str) -> Path:
        """Where the picture of this key is kept."""
        return self.folder / key[:2] / f"{key}{patches.ENDING}"

    def take(self, key: str, target: Path) -> bool:
        """Put the picture of this key at ``target``, which lives on whatever happens to the store; False if missing."""
        kept = self.path(key)
        if _leads_away(kept):
            return False
        try:
            data = kept.read_bytes()
        except OSError:
            return False
        if not patches.intact(data):
            with suppress(OSError):
                kept.unlink()
            return False
        target.write_bytes(data)
        with suppress(OSError):
            os.utime(kept)  # used just now
        return True

    def put(self, key: str, file: Path) -> None:
        """Keep a copy of a finished picture."""
        kept = self.path(key)
        partial = kept.with_name(f".{secrets.token_hex(8)}.partial")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            if not _leads_away(kept):
                shutil.copyfile(file, partial)
                partial.replace(kept)
        except OSError:
            with suppress(OSError):
                partial.unlink()

    def trim(self) -> None:
        """Remove the pictures that were used longest ago until the others fit, and what crashes have left behind."""
        kept: list[tuple[float, int, Path]] = []
        for file in self._files():
            with suppress(OSError):  # another process was faster
                told = file.stat()
                kept.append((told.st_mtime, told.st_size, file))
        kept.sort(reverse=True)
        newest, used = (kept[0][0] if kept else 0.0), 0
        for used_at, size, file in kept:
            stray = file.suffix == ".partial"
            used += 0 if stray else size
            if used > self.most_bytes or (stray and used_at < newest - STRAY_SECONDS):
                with suppress(OSError):
                    file.unlink()

    def _files(self) -> Iterator[Path]:
        with suppress(OSError):
            for folder in self.folder.iterdir():
                if len(folder.name) == 2 and folder.is_dir() and not folder.is_symlink():
                    yield from (f for f in folder.iterdir() if f.suffix in (patches.ENDING, ".partial"))


def _leads_away(kept: Path) -> bool:
    """Whether a link in the store, which others may write, would lead out of it."""
    return kept.parent.is_symlink() or kept.is_symlink()
