"""A wrong value for any option of any command, with the work that follows where the value is taken after all."""

import pytest

from tests.terminal.test_options import CASES, folder, walk

__all__ = ["folder"]


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_wrong_value_ends_in_a_short_message(command, name, folder, tmp_path, monkeypatch):
    walk(command, name, folder, tmp_path, monkeypatch)
