"""Promises of the report: one self-contained file, accessible, on any screen."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import reports
from transfer_gain.metrics import ACCURACY
from transfer_gain.reporting import alt_text, report


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return reports.render(tmp_path_factory.mktemp("figures"))


class Elements(HTMLParser):
    """Collects each element's tag and attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_no_two_elements_share_an_id_and_every_reference_has_its_own(html):
    ids = [values["id"] for _, values in Elements(html).found if "id" in values]
    assert len(ids) > 100
    assert len(ids) == len(set(ids))
    references = re.findall(r'href="#([^"]+)"', html) + re.findall(r"url\(#([^)]+)\)", html)
    assert len(references) > 100
    assert set(references) <= set(ids)


def test_what_it_loads_it_brings_along(html):
    for tag, values in Elements(html).found:
        loaded = [values.get("src")] + ([values.get("href")] if tag in ("link", "image") else [])
        loaded += [values.get("xlink:href")] if tag == "image" else []
        assert all(url.startswith("data:") for url in loaded if url), tag
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_every_figure_says_its_values_to_those_who_do_not_see_it(html):
    pictures = [values for tag, values in Elements(html).found if tag == "svg"]
    assert len(pictures) == 17
    assert all(values["role"] == "img" for values in pictures)
    labels = {values["aria-label"].split(".")[0]: values["aria-label"] for values in pictures}
    accuracy = next(table for table in reports.tables() if table.name == "accuracy").content
    curve = labels["learning curves, clothes, held-out"]
    of_curve = accuracy.query("dataset == 'clothes' and protocol == 'held-out'")
    assert all(f"{mean:.3f}" in curve for mean in of_curve["mean"])
    assert (
        "Gain in percentage points: from vgg16 over the 2018 baseline"
        in labels["gains, clothes, same-images"]
    )
    assert "the linear probe from vgg16 with 1 times the labels" in labels["decision, clothes"]
    assert labels["samples, clothes"].endswith("Caption of samples_clothes.")


def test_each_figure_and_table_names_the_rule_and_the_file(html):
    for name in ("learning_curves_clothes_held-out", "samples_clothes"):
        assert f'<a href="figures/{name}.svg">' in html
    assert "rule <code>make_label_value</code> (<code>workflow/scripts/make_label_value.py" in html


def test_a_table_is_downloaded_as_it_is(html):
    for table in reports.tables():
        found = re.search(rf'download="{table.name}\.csv" href="data:text/csv;base64,(.*?)"', html)
        if table.name in ("skipped", "extra"):  # empty; large
            assert not found
            continue
        content = report.cost_by_rule(table.content) if table.name == "cost" else table.content
        assert base64.b64decode(found[1]).decode() == content.to_csv(index=False)


def test_a_large_table_is_linked_only(html):
    assert "<td>499</td>" not in html
    assert "500 rows, in a separate file" in html


def test_what_no_section_names_is_shown_all_the_same(html):
    more = html.split('<section id="more">')[1]
    assert '<a href="tables/extra.csv">' in more


def test_a_section_without_anything_is_left_out(html):
    assert 'id="one-shot"' not in html
    tables = [*reports.tables(), reports.made("one_shot", reports.tables()[0].content)]
    again = report.render([], tables, reports.runs(), ACCURACY, reports.FACTS)
    section = again.split('<section id="one-shot">')[1].split("</section>")[0]
    assert '<a href="tables/one_shot.csv">' in section


def test_names_of_the_user_s_are_text_not_html(html):
    assert "&lt;joy&gt;" in html
    assert "<joy>" not in html
    assert "a&lt;b" not in html.split("</head>")[0]


@pytest.mark.slow
def test_all_but_provenance_and_cost_is_the_same_each_time(html, tmp_path):
    again = reports.render(tmp_path, provenance={"Precision": "bfloat16"})
    marker = '<section id="provenance">'
    assert again.split(marker)[0] == html.split(marker)[0]
    assert again != html


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (6000, "6,000"),
        (-0.5, "−0.5"),
        (float("nan"), ""),
        (float("inf"), "∞"),
        ("a", "a"),
        (True, "True"),
        (None, ""),
    ],
)
def test_cells(value, shown):
    assert report.cell(value) == shown


def test_the_templates_of_captions_are_all_plain():
    folder = Path(report.__file__).parents[2] / "report"
    wildcards = {"dataset": "clothes", "backbone": "vgg16", "protocol": "same-images"}
    wildcards |= {"approach": "first"}
    templates = [*folder.glob("*.rst")]
    assert len(templates) > 10
    for template in templates:
        text = report.caption(template, wildcards, ACCURACY)
        assert text
        assert "{{" not in text
        assert "``" not in text


def test_figures_have_titles_that_say_what_they_show(html):
    first = html.split('<section id="sure">')[0]
    assert re.search(r"<h3>5 times the labels are expected to bring \+\d\.\d points</h3>", first)
    section = html.split('<section id="comparison">')[1].split("</section>")[0]
    assert re.search(r"<h3>.* best accuracy at 6,000 images per class</h3>", section)
    assert re.search(
        r"<h3>On clothes, transfer .* is significantly better .* in \d of \d comparisons", section
    )


def test_options_stand_beside_each_other(html):
    table = html.split('<div class="options')[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>', table)
    options = next(table for table in reports.tables() if table.name == "options").content
    of_clothes = options.query("dataset == 'clothes'")
    assert len(rows) == len(of_clothes)
    assert rows[0] == "the linear probe from vgg16 (best)"
    assert "5 times the labels" in rows
    assert rows[-1] == "fine-tuning: not tried in this study"
    assert f"{of_clothes['score'].iloc[1]:.3f}" in table


def test_how_many_images_score_is_said(html):
    assert "(700 and 700 images of clothes; 700 and 700 images of avatars)" in html


def test_figures_of_one_shot_and_similarity_are_told_from_their_tables():
    place = {"approach": ["first"] * 2 + ["second"], "classes": "unseen", "chance": 1 / 7}
    methods = {"method": ["siamese", "cosine", "siamese"], "batch": [36, 0, 96]}
    summary = pd.DataFrame({**place, **methods, "epoch_unit": "pass", "accuracy": [0.3, 0.25, 0.2]})
    pairs = [("x", "a", "x", "b", 0.4), ("x", "a", "y", "a", 0.9), ("x", "*", "y", "*", 0.7)]
    pairs += [("x", "a", "x", "a", 0.0)]
    columns = ["dataset_a", "class_a", "dataset_b", "class_b", "feature_distance"]
    tables = {"one_shot_summary": summary, "similarity": pd.DataFrame(pairs, columns=columns)}
    said = alt_text.describe("one_shot", {"approach": "first"}, tables, ACCURACY)
    assert "siamese (36 pairs per batch, epoch: one pass) 0.300; cosine 0.250" in said
    assert "0.200" not in said
    said = alt_text.describe("similarity", {}, tables, ACCURACY)
    assert "nearest a of x and b of x (0.400)" in said
    assert "(0.000)" not in said
    said = alt_text.describe("distance_and_gain", {}, tables, ACCURACY)
    assert said == "Distances between datasets (MMD): x from y 0.700."


def test_an_unknown_kind_of_figure_has_no_words_of_its_own():
    assert alt_text.describe("new", {}, {}, ACCURACY) == ""


# --- In a browser ---


@pytest.fixture(scope="module")
def file(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_quiet_fits_and_is_accessible(browser, file, width, scheme):
    reports.assert_readable(browser, file, width, scheme)


def test_no_script_but_the_report_s_own_runs(browser, html, tmp_path):
    """Whatever gets into the page beside our script, such as the name of a class."""
    injected = (
        "<script>document.title = 'run'</script>"
        "<img src=x onerror=\"document.title = 'run'\">"
        "<a id=link href=\"javascript:document.title = 'run'\">here</a>"
    )
    file = tmp_path / "injected.html"
    file.write_text(html.replace("<h1", f"{injected}<h1", 1))
    page = browser.new_page()
    asked = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.click("#link")
    assert page.title() != "run"
    assert [url for url in asked if not url.startswith(("data:", file.as_uri()))] == []
    assert page.locator("th button").count() > 0  # by our own script


def test_a_click_on_a_heading_sorts_the_table_by_value(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    table = "#more-labels [aria-label='Table label_value']"
    rows = f'[...document.querySelectorAll("{table} tbody tr")]'
    labels = f"{rows}.map((row) => +row.cells[5].dataset.value)"
    heading = page.locator(f"{table} th button", has_text=re.compile("^labels$"))
    heading.click()
    assert page.evaluate(labels) == sorted(page.evaluate(labels))
    heading.click()
    assert page.evaluate(labels) == sorted(page.evaluate(labels), reverse=True)
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_first_screen_has_advice_and_curves_and_begins_the_options(browser, file, width):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(file.as_uri())
    for place in (".advice", ".decision figure svg", ".options tbody tr"):
        assert page.locator(place).first.bounding_box()["y"] < 844
    figure = page.locator(".decision figure svg").first.bounding_box()
    assert figure["y"] + figure["height"] < 844
    page.close()


def test_a_statistical_word_is_explained_where_it_stands(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    about = page.locator("#about-points")
    assert not about.is_visible()
    page.locator("button.term", has_text="points").first.click()
    assert "Percentage points" in about.inner_text()
    page.close()


def test_a_point_shows_its_numbers_to_a_pointer(browser, file):
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.goto(file.as_uri())
    accuracy = next(table for table in reports.tables() if table.name == "accuracy").content
    best = accuracy.query("dataset == 'clothes' and protocol == 'held-out' and labels == 6")
    page.locator(".decision .point").first.hover(force=True)
    said = page.locator(".tip").inner_text()
    assert "6 images per class: 0." in said
    assert any(f": {mean:.3f}" in said for mean in best["mean"])
    page.close()


@pytest.mark.parametrize(("width", "hinted"), [(390, True), (4000, False)])
def test_what_is_wider_than_the_screen_says_so(browser, file, width, hinted):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(file.as_uri())
    page.add_style_tag(content="body { max-width: none !important }")
    page.evaluate("dispatchEvent(new Event('resize'))")
    figure = page.locator("#comparison figure .box:visible").first
    hint = figure.evaluate("(box) => getComputedStyle(box, '::before').content")
    assert ("scroll sideways" in hint) == hinted
    page.close()


def test_paper_shows_all(browser, file):
    page = browser.new_page()
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.box')).overflow") == "visible"
    page.close()
