"""Lets the tests of this folder say `from oracle import ...`: pytest's importlib mode puts no folder on sys.path."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("oracle")
