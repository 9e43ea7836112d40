"""Tab text of afmformats: against afmformats itself, and files made here."""

import json

import numpy as np
import pytest

from asperity.data.curves import to_dataset
from asperity.data.readers._errors import CorruptFile
from asperity.data.readers.force_curves import afmformats_tab
from tests.conftest import shared_data

FILE = "force/other_afm/fmt-tab-fd_version_0.13.3.tab"


def tab_text(rows=40, **meta):
    meta = {"imaging mode": "force-distance", "spring constant": 0.05, "point count": rows, **meta}
    head = ["# afmformats 0.18.7", "#", "# BEGIN METADATA",
            *(f"# {line}" for line in json.dumps(meta, indent=2).split("\n")),
            "# END METADATA", "#", "# force\theight (measured)\tsegment\ttime"]
    body = [f"{1e-9 * i:.8g}\t{1e-6 * abs(rows / 2 - i):.8g}\t{i >= rows / 2}\t{i / 100:g}"
            for i in range(rows)]
    return "\r\n".join(head + body) + "\r\n"


def opened(path):
    return to_dataset(afmformats_tab.open_curves(path), str(path))


def test_agrees_with_afmformats_exactly():
    afmformats = pytest.importorskip("afmformats")
    path = shared_data(FILE)
    theirs = afmformats.load_data(path)[0]
    ours = opened(path).isel(curve=0).load()
    columns = {"force": "force", "height": "height (measured)", "height_drive": "height (piezo)"}
    for name, column in columns.items():
        own = np.concatenate([s[: int(n)] for s, n in zip(ours[name].values, ours.sample_count.values)])
        np.testing.assert_array_equal(own, theirs[column])
    assert ours.sample_count.values.tolist() == [3146, 882]


def test_the_row_glued_to_the_titles_costs_no_column():
    """afmformats loses the time column of this file; its sampling rate is in the metadata."""
    data = opened(shared_data(FILE)).isel(curve=0).load()
    time = np.concatenate([s[: int(n)] for s, n in zip(data.time.values, data.sample_count.values)])
    np.testing.assert_allclose(np.diff(time), 1 / data.attrs["rate_approach"], atol=1.1e-7)


def test_values_and_metadata(tmp_path):
    path = tmp_path / "a.tab"
    path.write_text(tab_text(**{"session id": "day 1", "grid index x": 4}), newline="")
    data = opened(path).isel(curve=0)
    np.testing.assert_allclose(data.force.values.ravel(), 1e-9 * np.arange(40), rtol=1e-15)
    assert (str(data.session.values), int(data.column), int(data.row)) == ("day 1", 4, -1)
    assert float(data.spring_constant) == 0.05


@pytest.mark.parametrize(("old", "new", "message"), [
    ("\t0.1\r", "\tx\r", "line 22, column 4 \\('time'\\): 'x' is not"),
    ("\ttime\r", "\r", "4 columns, expected 3"),
    ("segment\t", "", "'segment' are missing"),
    ('"point count": 40', '"point count": 41', "40 rows, but the metadata say 41"),
    ('"point count": 40', '"point count": ', "not JSON"),
    ("False", "3", "segment numbers"),
    ('"spring constant": 0.05', '"spring constant": 1e999', "'spring constant' is 'inf'"),
])
def test_damage_names_line_and_cause(tmp_path, old, new, message):
    path = tmp_path / "a.tab"
    text = tab_text()
    assert old in text
    path.write_text(text.replace(old, new, 1), newline="")
    with pytest.raises(CorruptFile, match=message):
        opened(path)
