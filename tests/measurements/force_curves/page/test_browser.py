"""The report in a real browser: nothing leaves it, and what it shows is what the results hold."""

import io
import re
import shutil

import numpy as np
import pytest
from bokeh.palettes import Viridis256
from PIL import Image

from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import gathered
from asperity.measurements.force_curves.page import curves
from asperity.measurements.force_curves.page.curves import exemplars
from asperity.measurements.force_curves.page.html import write_report
from tests.measurements.force_curves.page.examples import flagged, joined, map_results, odd_page, off_grid

pytestmark = [pytest.mark.browser, pytest.mark.study]

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
READY = "document.documentElement.dataset.ready === 'yes' && Bokeh.documents[0].is_idle"
FACTORS = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "n": 1e-9, "p": 1e-12, "µ": 1e-6}


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium (chromium, chromium-browser or google-chrome) is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


class Shown:
    """A report opened in the browser, with everything that it complained about or asked for."""

    def __init__(self, browser, path):
        self.complaints, self.requests = [], []
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.path = path.as_uri()
        self.page.goto(self.path)
        self.page.wait_for_function(READY)

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def at(self, title, x, y):
        """Screen position of the point (x, y) of the figure with this title, scrolled into view."""
        code = """([title, x, y]) => {
            const view = [...Bokeh.index.query((v) => v.model.title && v.model.title.text === title)][0];
            view.el.scrollIntoView({block: "center", behavior: "instant"});
            const box = view.canvas_view.el.getBoundingClientRect();
            return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
        }"""
        return self.page.evaluate(code, [title, x, y])

    def hover(self, title, x, y):
        """The lines of the hover box over that point, by label."""
        self.page.mouse.move(2, 2)
        self.page.mouse.move(*self.at(title, x, y))
        self.page.wait_for_timeout(60)
        code = """() => {
            const found = [...Bokeh.index.query((v) => v.model.type === "Tooltip")]
                .map((v) => v.el).filter((el) => el.isConnected && el.getBoundingClientRect().width > 0);
            const content = (el) => el.shadowRoot.querySelector(".bk-tooltip-content");
            return found.map((el) => content(el).textContent.replace(/\\s+/g, " "));
        }"""
        self.page.wait_for_function(f"({code})().length > 0")
        return " ".join(self.page.evaluate(code))

    def click(self, title, x, y):
        self.page.mouse.click(*self.at(title, x, y))
        self.page.wait_for_function(READY)

    def panel(self):
        """The data that the curve panel draws: columns, and the labels of its axes."""
        code = """() => {
            const model = (name) => Bokeh.documents[0].get_model_by_name(name);
            const columns = Object.entries(model("panel").data).map(([k, v]) => [k, Array.from(v)]);
            return [Object.fromEntries(columns),
                    model("panel-top").left[0].axis_label, model("panel-low").left[0].axis_label,
                    model("panel-low").below[0].axis_label];
        }"""
        data, force, residual, position = self.page.evaluate(code)
        data = {
            name: np.array([np.nan if v is None else v for v in column], float)
            for name, column in data.items()
        }
        return data, {"force": force, "residual": residual, "position": position}

    def words(self):
        return self.page.inner_text("#curve-words")

    def chosen(self):
        return int(self.page.input_value("#curve-number"))


@pytest.fixture(scope="module")
def results():
    return flagged(map_results(5, 9), {3: Outcome.no_contact, 22: Outcome.misfit})


@pytest.fixture(scope="module")
def shown(browser, results, tmp_path_factory):
    return Shown(browser, write_report(results, tmp_path_factory.mktemp("report") / "map.html"))


def factor(label, unit):
    """The SI factor of an axis label such as ``force (nN)``."""
    return FACTORS[re.search(rf"\((\w?){unit}\)", label).group(1)]


def check_panel(shown, results, curve):
    data, labels = shown.panel()
    contact = float(results["contact_point"][curve])
    position, force, fit = (
        results[f"display_{name}"].values[curve] for name in ("tip_position", "force", "fit")
    )
    f, r, p = factor(labels["force"], "N"), factor(labels["residual"], "N"), factor(labels["position"], "m")
    np.testing.assert_allclose(data["force"] * f, force, atol=np.ptp(force) / 2e4)
    np.testing.assert_allclose(data["fit"] * f, fit, atol=np.ptp(force) / 2e4)
    np.testing.assert_allclose(data["residual"] * r, force - fit, atol=np.ptp(force) / 1e4)
    np.testing.assert_allclose(data["position"] * p, position - contact, atol=np.ptp(position) / 2e4)


def test_the_browser_finds_nothing_to_complain_about_and_asks_for_nothing(shown):
    assert shown.complaints == []
    assert shown.requests == [shown.path]


def test_the_page_runs_without_eval(shown):
    """The policy forbids it: no text that a file brings along can become code that way."""
    policy = shown.page.get_attribute("meta[http-equiv='Content-Security-Policy']", "content")
    assert "unsafe-eval" not in policy
    later = """() => new Promise((tell) => setTimeout(() => {
        try { tell(new Function("return 1")()) } catch (error) { tell(error.name) }
    }, 10))"""  # not within the call itself, for which the debugger lifts the policy
    assert shown.page.evaluate(later) == "EvalError"
    shown.complaints.clear()  # the refusal that was just asked for


@pytest.mark.parametrize("curve", [0, 8, 36, 44, 22, 14])
def test_the_hover_box_shows_the_stored_value_of_the_pixel(shown, results, curve):
    x, y = 1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve])
    text = shown.hover("modulus (kPa)", x, y)
    row, column = int(results["row"][curve]), int(results["column"][curve])
    assert f"{curve} (row {row}, column {column})" in text
    if results["flag"][curve] == Outcome.misfit:
        assert re.search(r"modulus:? ?about [\d.]+ k?Pa, not defended", text)
        return
    value, letter, noise = re.search(r"modulus:? ?([\d.]+) (k?)Pa ± ([\d.]+) \(noise\)", text).groups()
    std = float(results["modulus_std"][curve])
    assert abs(float(value) * FACTORS[letter] - float(results["modulus"][curve])) <= 0.0501 * std
    assert float(noise) * FACTORS[letter] == pytest.approx(
        float(results["modulus_std_noise"][curve]), abs=0.05 * std
    )
    assert Outcome(int(results["flag"][curve])).name.replace("_", " ") in text
    neighbors = np.delete(results["modulus"].values, curve)  # so that another pixel would not pass
    assert np.nanmin(np.abs(neighbors - results["modulus"].values[curve])) > 0


@pytest.mark.parametrize("curve", [0, 8, 36, 44, 14, 25])
def test_the_color_on_the_screen_belongs_to_the_stored_value(shown, results, curve):
    point = shown.at("modulus (kPa)", 1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve]))
    shown.page.mouse.move(2, 2)
    shown.page.wait_for_timeout(60)
    picture = Image.open(io.BytesIO(shown.page.screenshot())).convert("RGB")
    color = np.array(picture.getpixel((round(point[0]) + 6, round(point[1]) + 6)), float)
    usable = results["modulus"].values[np.isfinite(results["modulus"].values)]
    low, high = np.quantile(usable, [0.02, 0.98])
    index = int(np.clip((float(results["modulus"][curve]) - low) / (high - low) * 256, 0, 255))
    expected = [int(Viridis256[index][i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(color - expected).max() <= 3


@pytest.mark.parametrize("title", ["pull-off force (nN)", "outcome", "uncertainty of the modulus, noise (%)"])
def test_every_map_knows_the_same_curves(shown, results, title):
    curve = 3 * 9 + 7
    assert f"{curve} (row 3, column 7)" in shown.hover(
        title, 1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve])
    )


@pytest.mark.parametrize("curve", [8, 36, 20])
def test_a_click_shows_the_curve_of_that_pixel(shown, results, curve):
    shown.click("modulus (kPa)", 1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve]))
    assert shown.chosen() == curve
    assert f"{curve} (row {curve // 9}, column {curve % 9})" in shown.words()
    check_panel(shown, results, curve)


def test_a_failed_curve_is_shown_with_its_reason(shown, results):
    shown.click("outcome", 1e6 * float(results["x"][3]), 1e6 * float(results["y"][3]))
    assert shown.chosen() == 3
    assert Outcome.no_contact.meaning in shown.words()
    data, _ = shown.panel()
    assert np.isfinite(data["force"]).all()
    assert np.isnan(data["fit"]).all()


def test_buttons_step_through_the_curves(shown, results):
    shown.page.fill("#curve-number", "10")
    shown.page.press("#curve-number", "Enter")
    check_panel(shown, results, 10)
    shown.page.click("[data-step='1']")
    check_panel(shown, results, 11)
    best = exemplars(gathered(results))[0].curve
    shown.page.click(f"#fits [data-curve='{best}']")
    check_panel(shown, results, best)


def test_the_page_is_as_wide_as_the_window(shown):
    assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_flipped_scan_is_drawn_at_its_positions(browser, tmp_path):
    results = map_results(5, 9)
    results = results.assign_coords(y=-results["y"], x=-results["x"])
    shown = Shown(browser, write_report(results, tmp_path / "flipped.html"))
    for curve in (0, 8, 40):
        x, y = 1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve])
        assert f"{curve} (row {curve // 9}, column {curve % 9})" in shown.hover("modulus (kPa)", x, y)
    shown.click("modulus (kPa)", 1e6 * float(results["x"][13]), 1e6 * float(results["y"][13]))
    check_panel(shown, results, 13)


EVIL = "<b id=evil>x</b><img src=x onerror=alert(1)>.nid"


@pytest.fixture(scope="module")
def several(browser, tmp_path_factory):
    """Results of three files, one of them of an evil name, and their report."""
    parts = [
        off_grid(map_results(1, 4, file="a.ibw")),
        off_grid(map_results(1, 3, file="b.ibw", seed=2)),
        map_results(3, 4, file=EVIL, seed=3),
    ]
    results = joined(parts)
    return results, Shown(browser, write_report(results, tmp_path_factory.mktemp("report") / "several.html"))


def test_curves_of_several_files_without_a_grid(several):
    results, shown = several
    value = float(results["modulus"][5]) / 1e3
    shown.click("modulus of the curves without a grid", 5, value)
    assert shown.chosen() == 5
    assert "number 1 in b.ibw" in shown.words()
    check_panel(shown, results, 5)
    shown.click("modulus (kPa)", 1e6 * float(results["x"][12]), 1e6 * float(results["y"][12]))
    assert shown.chosen() == 12
    assert f"number 5 in {EVIL}" in shown.words()
    assert (shown.complaints, shown.requests) == ([], [shown.path])


def test_of_very_many_curves_those_that_are_embedded_are_shown_and_the_others_said(browser, tmp_path, monkeypatch):
    """As of a million curves: here 45, of which the points of every third and the numbers of few others are there."""
    results = flagged(map_results(5, 9), {3: Outcome.no_contact, 7: Outcome.misfit})
    monkeypatch.setattr(curves, "MOST_KNOWN", 20)
    monkeypatch.setattr(curves, "MOST_POINTS", 15 * curves.FEWEST_PER_CURVE)
    shown = Shown(browser, write_report(results, tmp_path / "many.html"))
    at = {curve: (1e6 * float(results["x"][curve]), 1e6 * float(results["y"][curve])) for curve in (9, 10, 7)}
    shown.click("modulus (kPa)", *at[9])
    assert "9 (row 1, column 0)" in shown.words()
    assert "Pa ± " in shown.words()
    assert np.isfinite(shown.panel()[0]["force"]).sum() == curves.FEWEST_PER_CURVE
    shown.click("modulus (kPa)", *at[7])  # an example of its outcome
    assert "not defended" in shown.words()
    shown.click("modulus (kPa)", *at[10])
    assert shown.chosen() == 10
    assert shown.words().split("\n") == ["curve", "10", "note",
                                         "This curve is not embedded in the report; see the results file."]
    assert "see the results file" in shown.hover("modulus (kPa)", *at[10])
    assert (shown.complaints, shown.requests) == ([], [shown.path])


@pytest.mark.parametrize("case", ["single", "nothing usable", "no display curves"])
def test_odd_results_open_without_complaint(browser, tmp_path, case):
    path = tmp_path / "odd.html"
    path.write_text(odd_page(case)[1], encoding="utf-8")
    page = browser.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")
    page.wait_for_timeout(200)
    assert (complaints, requests) == ([], [path.as_uri()])


def test_a_file_name_is_never_markup(several):
    results, shown = several
    x, y = 1e6 * float(results["x"][13]), 1e6 * float(results["y"][13])
    shown.click("modulus (kPa)", x, y)
    assert EVIL in shown.hover("modulus (kPa)", x, y)
    assert EVIL in shown.words()
    assert shown.page.locator("#evil, img").count() == 0
    assert (shown.complaints, shown.requests) == ([], [shown.path])
