"""Let Blender's window go through tests/blender_addon/window_steps.py, with the extension installed.

    python tools/window_run.py "blender" "import -window root"

The first argument is how to start Blender, the second what takes a picture of the screen (the file's name is added).
Pictures and told.json are left in out/window.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS = ROOT / "tests" / "blender_addon" / "window_steps.py"
MOST_SECONDS = 900


def main(blender: str, shot: str = "") -> int:
    """0 if every step went well."""
    folder = ROOT / "out" / "window"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [*shlex.split(blender), "--enable-event-simulate", "-P", str(STEPS), "--", str(folder)]
    process = subprocess.Popen(command)
    ends = time.monotonic() + MOST_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        for want in folder.glob("*.want"):
            if shot:
                subprocess.run([*shlex.split(shot), str(want.with_suffix(".png"))], check=False)
            want.unlink()
        time.sleep(0.2)
    if process.poll() is None:
        process.kill()
    told = folder / "told.json"
    print(text := told.read_text() if told.exists() else "{}")
    return 0 if json.loads(text).get("passed") else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
