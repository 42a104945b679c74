"""Many scenes: each is rendered by a command of its own, some of them side by side, and none stops the others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..scenes import catalog_names
from ..scenes.scenefile import shown
from .doctor import inside_blender
from .errors import RequestError

CATALOG = "catalog"
PROGRESS = re.compile(r"convmotion progress (\d+) (\d+) ")
OWN = "convmotion: "
"""How a line begins that a command says to people."""
SECONDS_TO_TIDY = 15.0


@dataclass(frozen=True)
class Outcome:
    """What became of a scene: how many pictures were not in the store, what was said of them, and in one line why it is
    not there, if it is not."""

    scene: str
    pictures: int = 0
    notes: tuple[str, ...] = ()
    trouble: str = ""


def scenes_of(names: Sequence[str]) -> list[str]:
    """Scenes as the command line names them: of the whole catalog, of folders, or one by one. RequestError for none."""
    result: list[str] = []
    for name in names:
        if name == CATALOG:
            result += catalog_names()
        elif name in catalog_names() or os.path.isfile(name):
            result.append(name)
        elif os.path.isdir(name):
            found = sorted(str(file) for file in Path(name).glob("*.toml"))
            if not found:
                raise RequestError(f"{shown(name)} has no scene files; allowed: a folder with *.toml, or {CATALOG}")
            result += found
        else:
            allowed = f"{CATALOG}, a folder of scene files, a file, a name of the catalog"
            raise RequestError(f"{shown(name)} is no scene; allowed: {allowed}")
    return list(dict.fromkeys(result))


def name_of(scene: str) -> str:
    """What a scene's outputs are called: as it is in the catalog, or as its file, without the mark of a pattern."""
    path = Path(scene)
    return (path.stem if scene.endswith(".toml") else path.name).replace("%", "_")


def render_all(
    commands: Sequence[tuple[str, Sequence[str]]], at_once: int, ended: Callable[[Outcome], object]
) -> list[Outcome]:
    """Run ``convmotion render`` with these words for every scene, so many at a time.

    ``ended`` gets each outcome as soon as it is known. Interrupted, it ends all that runs first.
    """
    running: set[subprocess.Popen[str]] = set()
    stopped, one_at_a_time = threading.Event(), threading.Lock()

    def render(scene: str, words: Sequence[str]) -> Outcome:
        with one_at_a_time:  # what is started is known to who stops it
            if stopped.is_set():
                return Outcome(scene, trouble="not begun")
            process = _start("render", *words, "--progress", "--", scene)
            running.add(process)
        outcome = _outcome(scene, process)
        with one_at_a_time:
            running.discard(process)
            ended(outcome)
        return outcome

    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(render, scene, words) for scene, words in commands]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stopped.set()
            with one_at_a_time:
                left = list(running)
            for process in left:
                _stop(process)
            raise


def _start(*words: str) -> subprocess.Popen[str]:
    """A command that ends, as if interrupted, once its standard input does: so it never outlives this process."""
    line = [sys.executable, "-m", "convmotion.render.attended", *words]
    if inside_blender():
        from ..blender_addon.child import command

        line = command(".render.attended", "main", *words)
    return subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(SECONDS_TO_TIDY)
    except subprocess.TimeoutExpired:
        process.kill()


def _outcome(scene: str, process: subprocess.Popen[str]) -> Outcome:
    """Listen to a command until it ends."""
    pictures, said = 0, list[str]()
    for line in process.stderr or ():
        if match := PROGRESS.match(line):
            pictures = max(pictures, int(match[2]))
        elif line.strip():
            said.append(line.strip().removeprefix(OWN))
    code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    if code:
        return Outcome(scene, pictures, trouble=(said or [f"it ended with code {code}"])[-1])
    return Outcome(scene, pictures, tuple(said))
