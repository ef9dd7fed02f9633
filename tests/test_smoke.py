"""The smoke study, end to end: real Fashion-MNIST images, real VGG16 weights, real rules."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from markupsafe import escape  # as the report's templates do

import crates
import reports
from checkout import copy_checkout, jobs_of, jobs_to_run, snakemake, spies_on_tensorflow

STUDY = Path("workflow/studies/smoke.yaml")

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str, **environment: str):
    """Run the smoke study in a folder."""
    return snakemake(folder, *arguments, study=STUDY, timeout=1800, **environment)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the smoke study has run on two cores."""
    folder = copy_checkout(tmp_path_factory.mktemp("two-cores"))
    done = run(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    """Return the smoke study's results."""
    return study / "results" / "smoke"


def test_every_table_has_its_rows(results: Path):
    tables = {path.stem: pd.read_csv(path) for path in (results / "tables").glob("*.csv")}
    assert set(tables) == {
        *["best_heads", "classes", "cost", "history", "runs", "fractions", "skipped"],
        *["selected", "accuracy", "gains", "hypotheses", "label_value", "forecast", "options"],
        *["per_class", "confusion", "reliability", "mistakes"],
        *["one_shot", "few_shot", "one_shot_summary", "similarity"],
    }
    counts = tables["runs"].groupby(["run", "method"]).size().to_dict()
    assert counts == {  # 2 replicates at 100 %, 3 at 10 %
        ("grid", "transfer"): 4 * (2 + 3),
        ("grid", "baseline"): 2 + 2 * 3,  # one rate at 100 %, two at 10 %
        ("grid", "augmentation"): 2 + 2 * 3,
        ("grid", "baseline-2018"): 3,
        ("grid", "linear-probe"): 4 * (2 + 3),
        ("refit", "transfer-augmented"): 2 * 3,
        ("refit", "transfer-extended"): 2 * 3,
        ("refit", "fine-tuning"): 3,  # not under the protocol of the 2018 paper
        ("long", "transfer"): 2 * 3,
    }
    assert len(tables["best_heads"]) == 2 * 2
    assert len(tables["accuracy"]) == 2 * (2 * 4 + 4) - 1
    fractions = tables["fractions"].query("dataset == 'clothes'")
    assert fractions["training_samples"].tolist() == [1400, 140]
    assert (fractions["validation_samples"] == 420).all()
    # What serves both protocols is part of the cost of each.
    cost = tables["cost"].astype({"protocol": "str"}).fillna({"protocol": ""})
    protocols = cost.groupby("rule")["protocol"].unique().map(set)
    assert protocols["extract_copies"] == protocols["train_head"] == {""}
    assert protocols["refit_head"] == {"same-images", "held-out"}
    for path in (results / "tables").glob("*.parquet"):
        assert pd.read_parquet(path).to_csv(index=False) == path.with_suffix(".csv").read_text()


def test_one_shot_learning_stands_beside_its_controls(results: Path):
    tables = results / "tables"
    one_shot = pd.read_csv(tables / "one_shot.csv")
    assert {*one_shot["epoch_unit"]} == {"batch", "pass", "none"}
    assert {*one_shot["method"]} == {
        *["l1", "cosine", "prototype", "siamese-untrained", "siamese"],
        *["within-class-whitening", "supervised-contrastive"],
    }
    assert one_shot["control_accuracy"].notna().all()
    assert (one_shot["chance"] == 1 / 7).all()
    courses = one_shot.query("method == 'siamese'").groupby(["approach", "epoch_unit"])["epochs"]
    assert courses.nunique().to_dict() == {
        ("first", "batch"): 4,
        ("first", "pass"): 2,
        ("second", "batch"): 2,
        ("second", "pass"): 2,
    }
    summary = pd.read_csv(tables / "one_shot_summary.csv")
    assert summary["conclusion"].str.endswith(".").all()
    assert summary["published_low"].notna().sum() == 1  # 24 pairs are no batch of the 2018 paper
    few_shot = pd.read_csv(tables / "few_shot.csv")
    ways = few_shot.groupby(["approach", "classes"])["way"].unique().map(sorted).to_dict()
    assert ways == {
        ("first", "seen"): [3],
        ("first", "unseen"): [4],
        ("first", "all"): [4, 7],
        ("second", "unseen"): [4, 7],
    }
    similarity = pd.read_csv(tables / "similarity.csv")
    assert len(similarity) == 21 * 22 / 2 + 6
    assert similarity["p_value"].between(0, 1).all()


def test_transfer_learns_the_clothes(results: Path):
    best = pd.read_csv(results / "tables" / "best_heads.csv").query("protocol == 'same-images'")
    accuracy = best.set_index("fraction")["validation_accuracy"]
    assert accuracy[1.0] > 0.72
    assert accuracy[0.1] > 0.62
    assert accuracy[1.0] > accuracy[0.1]


def test_confusions_and_the_accuracy_are_of_the_same_predictions(results: Path):
    tables = results / "tables"
    confusion = pd.read_csv(tables / "confusion.csv")
    best = confusion.loc[0, ["backbone", "method", "fraction"]].to_dict() | {"protocol": "held-out"}
    accuracy = pd.read_csv(tables / "accuracy.csv", keep_default_na=False)
    (mean,) = accuracy.loc[(accuracy[list(best)] == list(best.values())).all(axis=1), "mean"]
    right = confusion.loc[confusion["rank"] == 0, "images"].sum()
    assert right / confusion["images"].sum() == pytest.approx(mean)


def test_every_figure_is_there_in_both_formats(results: Path):
    names = {path.name for path in (results / "figures").iterdir()}
    stems = {"grid_clothes_vgg16", "learning_rates_clothes_vgg16", "long_runs_clothes_vgg16"}
    stems |= {"samples_clothes", "augmented_clothes", "best_heads"}
    stems |= {"confusion_clothes", "reliability_clothes", "mistakes_clothes", "decision_clothes"}
    stems |= {
        f"{name}_clothes_{protocol}"
        for name in ("learning_curves", "gains", "label_value", "cost")
        for protocol in ("same-images", "held-out")
    }
    stems |= {"samples_avatars", "samples_peeps", "one_shot_tasks", "similarity", "class_map"}
    stems |= {"distance_and_gain"}
    stems |= {
        f"{name}_{approach}"
        for name in ("one_shot", "one_shot_methods")
        for approach in ("first", "second")
    }
    assert names == {stem + ending for stem in stems for ending in (".svg", ".png")}


def test_the_report_holds_every_figure_and_begins_with_the_answer(results: Path):
    html = (results / "report.html").read_text()
    names = {path.stem for path in (results / "figures").glob("*.svg")}
    assert set(re.findall(r'<figure id="figure-([^"]+)">', html)) == names
    *sentences, where = (results / "answer.txt").read_text().splitlines()
    begun = ("On clothes, use", "Looked at", "Most accurate on", "Transfer from", "One label with")
    begun += ("What transfer from", "At 200 images", "On clothes, ")
    begun += ("The answer is about new images like these", "No image of clothes is known")
    assert all(each.startswith(start) for each, start in zip(sentences, begun, strict=True))
    # Some words are buttons that explain them; the opening is several paragraphs.
    text = re.sub(r"<button[^>]*>|</button>", "", html)
    found = json.loads((results / "answer.json").read_text())
    (of_clothes,) = found["datasets"].values()
    assert sentences[0] == " ".join(of_clothes["opening"])
    assert all(escape(sentence) in text for sentence in [*of_clothes["opening"], *sentences[1:]])
    assert where == "The report: results/smoke/report.html"


def test_the_report_says_of_one_shot_learning_whether_it_beats_its_controls(results: Path):
    html = (results / "report.html").read_text()
    summary = pd.read_csv(results / "tables" / "one_shot_summary.csv")
    siamese = summary.query("method == 'siamese' and classes == 'unseen'")
    assert len(siamese) == 4
    assert all(escape(sentence) in html for sentence in siamese["conclusion"])


def test_the_run_is_described_whole_so_that_it_can_be_cited(study: Path, results: Path):
    described = crates.entities(results)
    parts = {part["@id"] for part in described["./"]["hasPart"]}
    folders = (results / "tables", results / "figures")
    made = {f"{folder.name}/{path.name}" for folder in folders for path in folder.iterdir()}
    assert parts == made | {"config.yaml", "report.html", "answer.txt", "answer.json"}
    names = {described[each["@id"]]["name"]: each["@id"] for each in described["#run"]["object"]}
    images = described[names["resources/fashion-mnist/train-images-idx3-ubyte"]]
    assert images["sha256"].startswith("c59f468a2f672dc8")
    assert {"resources/weights/vgg16-imagenet.npz", "config.yaml"} <= set(names)
    assert described[described["#run"]["resourceUsage"]["@id"]]["value"] > 0
    html = (results / "report.html").read_text()
    provenance = html.split('<section id="provenance">')[1].split("</section>")[0]
    assert described["#workflow"]["sha256"][:12] in provenance
    assert images["sha256"][:12] in provenance
    # The config, every default filled in, plans the same study: nothing is to be done.
    config = yaml.safe_load((results / "config.yaml").read_text())
    assert config["heads"]["batch_size"] == 50
    assert jobs_to_run(study, study=(results / "config.yaml").relative_to(study)) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_whole_report_is_quiet_fits_and_is_accessible(browser, results: Path, width: int):
    reports.assert_readable(browser, results / "report.html", width)


def test_snakemake_s_own_report_tells_figures_of_a_kind_apart(study: Path):
    done = run(study, "--report", "snakemake-report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    html = (study / "snakemake-report.html").read_text()
    for label in ('"protocol": "held-out"', '"approach": "second"'):
        assert label in html


def test_every_job_left_a_log_and_a_benchmark(results: Path):
    training = {made.parent for made in results.glob("*/clothes/**/runs.parquet")}
    assert len(training) == 4 * 2 + 3 * 2 + 1 + 2 + 2 * 2 + 1 + 2  # the last are long runs
    training |= {made.parent for made in results.glob("one_shot/**/history.parquet")}
    assert len(training) == 4 * 2 + 3 * 2 + 1 + 2 + 2 * 2 + 1 + 2 + 2 * (2 + 3)
    patterns = (
        "images/**/*.parquet",
        "samples/*/*",
        "features/**/*.parquet",
        "selections/*/*/*",
        "*/*.svg",
    )
    patterns += ("one_shot/*.parquet",)
    single = [path.with_suffix("") for pattern in patterns for path in results.glob(pattern)]
    tables = [path.with_suffix("") for path in results.glob("tables/*.csv")]
    figures = 3 + 3 + 2 * 4 + (2 + 4 + 4) + 3 + 1  # of mistakes; of the decision
    assert len(single) == (2 + 2) + (2 + 1) + (2 + 2) + 2 + figures + 2
    for made in [*training, *single, *tables]:
        job = made.relative_to(results)
        assert (results / "logs" / f"{job}.log").exists(), job
        assert (results / "benchmarks" / f"{job}.tsv").stat().st_size > 0, job


def test_a_run_of_the_grid_and_a_long_run_are_told_apart(results: Path):
    runs = pd.read_csv(results / "tables" / "runs.csv")
    names = ["dataset", "backbone", "method", "fraction", "run", "protocol", "replicate"]
    configuration = ["layers", "activation", "learning_rate", "l2"]
    assert not runs.duplicated([*names, *configuration]).any()
    assert runs.groupby("run")["protocol"].unique().map(set).to_dict() == {
        "grid": {"both"},
        "refit": {"same-images", "held-out"},
        "long": {"same-images", "held-out"},
    }


def test_a_second_run_has_nothing_to_do_and_does_not_import_tensorflow(study: Path):
    spies = str(spies_on_tensorflow(study))
    started, again = jobs_of(study, "--cores", "2", study=STUDY, PYTHONPATH=spies)
    assert (again.returncode, started) == (0, []), again.stderr
    assert not (study / "caught").exists()


def test_tables_and_figures_are_drawn_the_same_again(study: Path, results: Path, tmp_path: Path):
    before = shutil.copytree(results / "tables", tmp_path / "tables")
    shutil.copytree(results / "figures", tmp_path / "figures")
    report = (results / "report.html").read_text()
    for folder in ("tables", "figures"):
        shutil.rmtree(results / folder)
    done = run(study, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (results / "tables").iterdir()} == {
        path.name for path in before.iterdir()
    }
    for path in [*(results / "tables").iterdir(), *(results / "figures").iterdir()]:
        if path.stem.split("_")[0] != "cost":
            assert path.read_bytes() == (tmp_path / path.parent.name / path.name).read_bytes(), path
    again, before_cost = (results / "report.html").read_text(), '<section id="provenance">'
    assert again.split(before_cost)[0] == report.split(before_cost)[0]


def test_one_core_gives_the_same_bytes_as_two(study: Path, results: Path, tmp_path: Path):
    folder = copy_checkout(tmp_path)
    shutil.copytree(study / "resources", folder / "resources")
    one_of_a_kind = [
        "scratch/clothes/augmentation/fraction=0.1/learning_rate=0.01/epochs=20/part=1-of-1/history.parquet",
        *[
            f"refits/clothes/vgg16-auto/{method}/fraction=0.1/protocol=held-out/{part}history.parquet"
            for method, part in (("transfer-augmented", ""), ("fine-tuning", "part=1-of-1/"))
        ],
        "probes/clothes/vgg16-auto/fraction=0.1/runs.parquet",
    ]
    wanted = [str((results / name).relative_to(study)) for name in one_of_a_kind]
    done = run(folder, "--cores", "1", *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [path.relative_to(folder) for path in folder.glob("results/smoke/**/*.parquet")]
    for kind in ("images", "samples", "features", "heads", "scratch", "refits", "probes"):
        assert any(path.parts[2] == kind for path in made), kind
    for path in made:
        assert (folder / path).read_bytes() == (study / path).read_bytes(), path
