"""The command `next`: what it prints and writes."""

from asperity.data import store
from tests.measurements.discovery.next.test_points import MAP
from tests.test_cli import run


def test_next_writes_list_page_and_dataset(tmp_path):
    store.save(MAP, tmp_path / "results.nc")
    code, out, _ = run("next", tmp_path / "results.nc", "--for", "boundary", "--budget", "5", "--curve-time", "2s",
                       "--travel-speed", "10um/s", "--area", "0um,0um,20um,20um", "--out", tmp_path / "next.nc")
    assert code == 0
    assert out.startswith("The next 5 curves: where they tell most of which material is where.")
    assert "Time: 10 s of curves" in out
    rows = (tmp_path / "next.csv").read_text().splitlines()
    assert rows[0].startswith("number,x (um),y (um),purpose")
    assert len(rows) == 6
    assert (tmp_path / "next.html").exists()


def test_a_wrong_word_is_told_of_its_option(tmp_path):
    store.save(MAP, tmp_path / "results.nc")
    code, _, said = run("next", tmp_path / "results.nc", "--for", "maximum", "--out", tmp_path / "next.nc")
    assert code == 2
    assert "--for = 'maximum' is not known; known: modulus, boundary" in said
