"""The studies are left out of the quick run, and their table fails where a figure lies outside its limits."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import pytest_collection_modifyitems, pytest_ignore_collect
from tests.verify.verdict import Figure, judge

#: right to the last bit or wrong: here because they take a while
NO_FIGURES = ("measurements/test_replay.py", "terminal/test_options.py")
STUDIES = Path(__file__).parent / "verify"
SOURCE = Path(__file__).parents[1] / "src" / "asperity"


@pytest.mark.parametrize(("given", "ignored"), [
    ("tests", True), (".", True), ("tests/test_cli.py", True), ("tests/verify", None),
    ("tests/verify/learning/test_selection.py::test_one", None), (str(STUDIES), None)])
def test_studies_run_where_they_are_named(given, ignored):
    config = SimpleNamespace(args=[given], invocation_params=SimpleNamespace(dir=STUDIES.parents[1]))
    assert pytest_ignore_collect(STUDIES, config) is ignored
    assert pytest_ignore_collect(STUDIES.parent / "learning", config) is None


class Item:
    """A test as pytest knows it."""

    def __init__(self, path, *keywords):
        self.path, self.keywords = path, set(keywords)

    def add_marker(self, name):
        self.keywords.add(name)


@pytest.mark.parametrize(("markexpr", "args", "left"), [
    ("", ["tests"], {"plain", "folder"}), ("study", ["tests"], {"plain", "marked", "folder"}),
    ("", ["tests/learning/test_noise.py::test_one"], {"plain", "marked", "folder"})])
def test_marked_studies_run_where_they_are_asked_for(markexpr, args, left):
    beside = STUDIES.parent / "learning" / "test_noise.py"
    items = [Item(beside, "plain"), Item(beside, "marked", "study"), Item(STUDIES / "test_kill.py", "folder")]
    config = SimpleNamespace(option=SimpleNamespace(markexpr=markexpr), args=args,
                             hook=SimpleNamespace(pytest_deselected=lambda items: None))
    pytest_collection_modifyitems(config, items)
    assert set().union(*(item.keywords for item in items)) - {"study"} == left
    assert "study" in items[-1].keywords


def test_a_table_is_printed_whole_before_it_fails(capsys):
    judge("good", [Figure("share", 0.95, 0.9, 1.0)])
    with pytest.raises(AssertionError, match="share"):
        judge("bad", [Figure("share", 0.8, 0.9), Figure("spread", 1.0)])
    assert "| share | 0.8 | 0.9 | inf | OUTSIDE |\n| spread | 1 | -inf | inf | held |" in capsys.readouterr().out


@pytest.mark.parametrize("figures", [[], [Figure("share", float("nan"), 0.0)], [Figure("share", 1.1, highest=1.0)]])
def test_nothing_measured_is_no_pass(figures):
    with pytest.raises(AssertionError):
        judge("none", figures)


def studies():
    return sorted(STUDIES.rglob("test_*.py"))


@pytest.mark.parametrize("study", studies(), ids=lambda path: path.relative_to(STUDIES).as_posix())
def test_each_study_has_a_table_and_the_place_of_its_chapter(study):
    text = study.read_text(encoding="utf-8")
    assert "judge(" in text or "print(" in text or study.relative_to(STUDIES).as_posix() in NO_FIGURES
    assert (SOURCE / study.parent.relative_to(STUDIES)).is_dir()  # the top itself for the examples
