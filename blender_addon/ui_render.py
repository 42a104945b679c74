"""Rendering from the panel: the command line in a second Blender, so that the window stays usable."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..scenes import SceneError
from ..scenes.scenefile import shown
from ..scenes.tomltext import toml_of
from . import ui_words
from .child import command
from .ui_preferences import cache_folder, preferences
from .ui_settings import judge, table_of

ENTRY = ".render.attended", "main"
"""What the second Blender calls: the command line, which ends when nobody listens to it any more."""
ENDINGS = (".mp4", ".gif", ".webm", ".webp", ".png")
PROGRESS = re.compile(r"convmotion progress (\d+) (\d+) (.*)")
OWN = "convmotion: "
"""How a line begins that the command says to people."""
SECONDS_TO_TIDY = 10.0


def arguments_of(settings: Any, scene_file: Path, output: Path) -> list[str]:
    """What is written behind ``convmotion``."""
    chosen = preferences()
    result = ["render", str(scene_file), "-o", str(output), "--size", f"{settings.width}x{settings.height}"]
    result += ["--fps", str(settings.fps), "--quality", settings.quality, "--lang", ui_words.language(), "--progress"]
    result += ["--cache-size", f"{chosen.cache_size}MB"]
    result += ["--transparent"] if settings.transparent else []
    if is_animation(output) and (most := round(1_000_000 * settings.megabytes)):
        result += ["--max-bytes", str(most)]
    result += ["--workers", str(chosen.workers)] if chosen.workers else []
    folder = cache_folder()
    return result + (["--cache", str(folder)] if folder else [])


def is_animation(output: Path) -> bool:
    """Whether it is more than one picture, so that its size can be limited."""
    return output.suffix.lower() != ".png"


def has_no_place(settings: Any) -> bool:
    """Whether the output is to lie beside a .blend that is not saved yet: then a person can be asked for a place."""
    return settings.output.startswith("//") and not bpy.data.filepath


def output_of(settings: Any) -> Path:
    """The file to write. SceneError if there is no such folder, or it cannot be of that kind."""
    if has_no_place(settings):
        wrong = "Output: {name} lies beside a .blend that is not saved yet; allowed: a full path"
        raise SceneError(ui_words.translated(wrong).format(name=shown(settings.output[2:])))
    path = Path(bpy.path.abspath(settings.output))
    if path.suffix.lower() not in ENDINGS:
        wrong = "Output: {name}; allowed: a name that ends in {endings}"
        raise SceneError(ui_words.translated(wrong).format(name=shown(path.name), endings=" ".join(ENDINGS)))
    if not path.parent.is_dir():
        wrong = "Output: there is no folder {folder}; allowed: one that is there"
        raise SceneError(ui_words.translated(wrong).format(folder=path.parent))
    return path


def trouble(settings: Any) -> str:
    """Why the settings cannot be rendered, or ""."""
    if error := judge(settings).error:
        return error
    try:
        output_of(settings)
    except SceneError as error:
        return str(error)
    return ""


@dataclass
class Rendering:
    """A render in another process. Ask :meth:`running` now and then; ``done`` of ``total`` are ready, ``doing`` says
    what; at last there is the output, or an ``error`` of one line."""

    output: Path
    process: subprocess.Popen[bytes]
    folder: str
    done: int = 0
    total: int = 0
    doing: str = ""
    error: str = ""
    cancelled: bool = False
    words: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, settings: Any) -> Rendering:
        """Begin. SceneError if the settings are wrong."""
        if reason := trouble(settings):
            raise SceneError(reason)
        output = output_of(settings)
        folder = tempfile.mkdtemp(prefix="convmotion-", dir=bpy.app.tempdir or None)
        scene_file = Path(folder) / "scene.toml"
        scene_file.write_text(toml_of(table_of(settings)), encoding="utf-8")
        process = subprocess.Popen(
            command(*ENTRY, *arguments_of(settings, scene_file, output)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)},
        )
        made = cls(output, process, folder)
        threading.Thread(target=made._listen, daemon=True).start()
        return made

    @property
    def so_far(self) -> str:
        """How far it is, in words; nothing while the second Blender starts."""
        if not self.total:
            return ""
        return self.doing if self.done == self.total else f"{self.done} / {self.total}"

    @property
    def notes(self) -> list[str]:
        """What there is to know about the output, such as what was chosen for a limit of its size."""
        return [word.removeprefix(OWN) for word in self.words if word.startswith(OWN)]

    def running(self) -> bool:
        """Whether it still runs; tidies up once it does not."""
        code = self.process.poll()
        if code is None:
            return True
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = ""
            if code and not self.cancelled:
                self.error = (self.notes or self.words or [f"code {code}"])[-1]
        return False

    def cancel(self) -> None:
        """Let it end: it tidies up first."""
        self.cancelled = True
        if self.process.stdin is not None:
            self.process.stdin.close()

    def end(self) -> None:
        """Cancel, and wait until it has ended."""
        self.cancel()
        try:
            self.process.wait(SECONDS_TO_TIDY)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.running()

    def _listen(self) -> None:
        lines: Any = self.process.stderr
        for raw in lines:
            line = raw.decode("utf-8", "replace").strip()
            if match := PROGRESS.fullmatch(line):
                self.done, self.total, self.doing = int(match[1]), int(match[2]), match[3]
            elif line:
                self.words = [*self.words[-20:], line]


current: list[Rendering] = []
"""The render that runs, or ran last."""


def active() -> Rendering | None:
    """The one that runs."""
    return current[0] if current and current[0].process.poll() is None else None


def forget() -> None:
    """End what runs."""
    while current:
        current.pop().end()
