"""No text that a file brings along becomes markup or code of a page: the page is parsed, as a browser would."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from asperity.measurements.force_curves.page.html import write_report
from asperity.report.page import Finding, Page, Panel, write_page
from tests.measurements.force_curves.page.examples import joined, map_results, without_figures

EVIL = (
    "<script id=evil>window.evil=1</script>", "</script><script id=evil>window.evil=1</script><!--",
    "\"><img id=evil src=x onerror=window.evil=1>", "' onmouseover='window.evil=1' id='evil",
    "javascript:window.evil=1", "</title></style></pre><svg id=evil onload=window.evil=1>", "<!--<script>",
    "{{ 7*7 }}{% raw %}", "]]>\u2028\x00&lt;b id=evil&gt;",
)


class Parsed(HTMLParser):
    """The tags with their attributes, and the texts outside of scripts and styles."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.inside = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.texts.append(data)


def skeleton(path) -> list[tuple]:
    """The elements of a page, without what differs from page to page by chance or by plain text."""
    found = Parsed(path.read_text(encoding="utf-8")).tags
    return [(tag, tuple(sorted(set(attrs) - {"data-root-id", "id"}))) for tag, attrs in found]


def check(path, evil: str, clean) -> None:
    page = Parsed(path.read_text(encoding="utf-8"))
    assert skeleton(path) == skeleton(clean)
    assert not [attrs for _, attrs in page.tags if attrs.get("id") == "evil"]
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert not [attrs for _, attrs in page.tags if str(attrs.get("href", "#")).strip()[:1] not in ("#", "d")]
    assert evil.replace("\x00", "")[:12] in "".join(page.texts).replace("\x00", "")


def spoiled(results: xr.Dataset, text: str) -> xr.Dataset:
    """The results with ``text`` wherever a file can put one."""
    count = results.sizes["curve"]
    step = {"verb": text, "arguments": {text: text, "model": {text: [text]}}, "versions": {text: text}, "time": text,
            "inputs": [{"file": text, "sha256": text}], text: text}
    results = results.assign_coords(file=("curve", np.array([text] * count, dtype=object)),
                                    session=("curve", np.array([text] * count, dtype=object)))
    for name in ("modulus", "flag"):
        results[name] = results[name].assign_attrs(long_name=text, flag_meanings=text)
    return results.assign_attrs(
        model=text, history=json.dumps([step, text]), citations=json.dumps([text, text]),
        assumed=json.dumps({text: 1.0}),
        failed_files=json.dumps([{"file": text, "problem": text}] * 25), selection=json.dumps([text]),
        skipped_files=json.dumps([{"file": text, "problem": text}]))


@pytest.fixture(scope="module")
def results():
    return joined([map_results(3, 4), map_results(2, 3)])


@pytest.fixture(scope="module")
def clean(results, tmp_path_factory):
    return write_report(spoiled(results, "plain"), tmp_path_factory.mktemp("clean") / "report.html", title="plain")


def test_no_text_of_a_result_becomes_markup(results, clean, tmp_path):
    """All of them in one text: a report takes a while to write."""
    evil = " ".join(EVIL)
    path = write_report(spoiled(results, evil), tmp_path / "report.html")
    check(path, evil, clean)


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_of_a_page_becomes_markup(tmp_path, evil):
    def written(text, name):
        page = Page(text, text, text, (Finding(text, text, text),), (text,),
                    (Panel(text, text, header=(text,), rows=((text,),)),))
        return write_page(page, xr.Dataset(attrs={"history": json.dumps([{"verb": text, "arguments": {text: text}}])}),
                          tmp_path / name)

    check(written(evil, "a.html"), evil, written("plain", "b.html"))


def test_a_deep_history_is_cut(results, tmp_path, monkeypatch):
    without_figures(monkeypatch)
    deep = json.dumps([{"verb": "fit", "arguments": {"a": json.loads("[" * 900 + "]" * 900)}}])
    for history in (deep, "[" * 100_000):
        path = write_report(results.assign_attrs(history=history), tmp_path / "report.html")
        assert "Provenance" in path.read_text(encoding="utf-8")
