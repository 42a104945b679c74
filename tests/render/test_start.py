import signal
import subprocess
import sys

import pytest

IMPORTING = """
import os, sys, time
from convmotion.render import start

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "convmotion.render.cli":
            os.kill(os.getpid(), {number})
            time.sleep(20)

sys.meta_path.insert(0, Slow())
sys.exit(start.main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there os.kill ends a process at once")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_it_imports_it_says_so_in_one_line(number, code):
    command = [sys.executable, "-c", IMPORTING.format(number=int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "convmotion: interrupted\n")


def test_it_is_the_command():
    ended = subprocess.run([sys.executable, "-m", "convmotion.render.start", "list"], capture_output=True, text=True)
    assert ended.returncode == 0 and "\ngrouped " in ended.stdout
