"""Tables as text: what is written is read back as it was."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.scenes.catalog import FOLDER, SECTIONS, load_catalog, section_of
from convmotion.scenes.tomltext import toml_of

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
PLAIN = st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_table_is_read_back_as_it_was(table):
    assert tomllib.loads(toml_of(table)) == table


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_scene_file_is_written_as_tables_that_a_person_reads(path):
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    text = toml_of(table)
    assert tomllib.loads(text) == table
    assert "[input]" in text and text.count("[[stage]]") == len(table["stage"])
    assert "title = {" in text or "title" not in table


def test_every_scene_stands_in_one_part_of_the_list():
    parts = [section_of(scene) for scene in load_catalog().values()]
    assert list(dict.fromkeys(parts)) == list(SECTIONS.values())
