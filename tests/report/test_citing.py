"""Every model names its sources, and every source that a model names is in the bibliography."""

import inspect

import pytest

from asperity.contact import MODELS, Hertz, MaugisDugdale
from asperity.measurements.force_curves.sessions import FITTED_BY
from asperity.report import citing


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_article_that_a_model_names_has_an_entry(name):
    source = " ".join(inspect.getdoc(MODELS[name]).partition("Source:")[2].split())
    named = set(citing._ARTICLE.findall(source))
    known = {(citing._field(e, "volume"), citing._field(e, "pages").split("-")[0], citing._field(e, "year"))
             for e in citing.bibliography().values()}
    assert named
    assert named <= known


def test_what_is_cited():
    keys = citing.sources(Hertz)
    assert keys == ["hertz1881", "johnson1985"]
    assert {"maugis1992", "johnson1997"} <= set(citing.sources(MaugisDugdale))
    entries = citing.citations(Hertz, *FITTED_BY)
    fitted = ("asperity", "golub1973", "kaufman1975", "geweke1983", "efron1975", "patterson1971")
    assert [citing.bibliography()[k] for k in fitted] == [e for e in (entries[0], *entries[3:8])]
    assert len(set(entries)) == len(entries)


def test_the_bibliography_is_sound():
    for key, entry in citing.bibliography().items():
        assert entry.count("{") == entry.count("}"), key
        assert citing._field(entry, "year").isdigit(), key
        assert "title = " in entry
        assert "author = " in entry
