"""Benchmarks: `python -m bench` from the repository's root prints one table, a row for each thing measured.

A row is a ratio against a reference that is measured in the same run, in turns with it: the speed of a machine differs
from one minute to the next. To add one, decorate a function with `@row` in a module here that `__main__.py` imports;
the function prepares what it needs and returns the samplers of both sides.
"""
