"""Where a study lies, what it may use, which config is taken and what a bad one does."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

import checkout as in_checkout
from checkout import ROOT, copy_checkout
from configs import mutated
from stubbed_workflow import STUB, STUDY, WITH_ONE_SHOT, jobs, planned, snakemake
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.loading import load

pytestmark = pytest.mark.slow

# --- Where it lies, and what it may use ---


def test_all_that_is_made_lies_in_the_results_folder_or_among_the_downloads(first_run):
    _, files = first_run
    for folder in (STUDY["results"], "resources", ".snakemake"):
        inside = {file for file in files if file.is_relative_to(folder)}
        assert inside, folder
        files = files - inside
    assert files == set()


@pytest.fixture(scope="module")
def rules(first_run):
    """What Snakemake knows of the rules and of the machine's resources, as JSON of its own."""
    checkout, _ = first_run
    (checkout / "inspected.smk").write_text(
        'include: "Snakefile"\n'
        "import json\n"
        "from types import SimpleNamespace\n"
        "clothes = SimpleNamespace(dataset='clothes')\n"
        "def code_behind(rule):\n"
        "    code = [p for name, p in rule.params.items() if name and name.startswith('code')]\n"
        "    code = [each(clothes) if callable(each) else [each] for each in code]\n"
        "    return [line.split()[0] for lines in code for line in lines]\n"
        "print(json.dumps({\n"
        "    'gpu': str(workflow.global_resources.get('gpu')),\n"
        "    'rules': {rule.name: [rule.script, code_behind(rule)] for rule in workflow.rules\n"
        "              if rule.script},\n"
        "}))\n"
    )
    study = STUDY | WITH_ONE_SHOT
    done = snakemake(checkout, "--snakefile", "inspected.smk", "--list-rules", study=study)
    assert done.returncode == 0, done.stderr
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def test_without_saying_so_one_accelerator_is_there(rules):
    assert re.search(r"\b1\b", rules["gpu"])


def test_the_code_that_a_rule_depends_on_is_that_of_its_own_script(rules):
    for rule, (script, code) in rules["rules"].items():
        # What is fetched is verified, whatever the code.
        own = set() if rule.startswith("fetch") else {f"scripts/{Path(script).name}"}
        assert {file for file in code if file.startswith("scripts/")} == own, rule


def test_no_dry_run_waits_for_tensorflow(made):
    planned(made, study=STUDY | {"results": "anew"})
    assert not (made / "caught").exists()
    spies = in_checkout.spies_on_tensorflow(made)
    in_checkout.python(made, "-c", "import tensorflow", PYTHONPATH=str(spies))
    assert (made / "caught").exists()  # so it would have been seen
    (made / "caught").unlink()


# --- Which config is taken, and what a bad one does ---


def test_a_bad_config_ends_it_with_one_line_before_any_job(tmp_path):
    checkout = copy_checkout(tmp_path)
    study = {"heads": {"learning_rates": [0.1, 0]}}
    started, done = in_checkout.jobs_of(checkout, "--cores", "1", study=study)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    (line,) = (line for line in said.splitlines() if "heads.learning_rates[1]" in line)
    assert line.endswith("heads.learning_rates[1]: found 0, allowed: greater than 0")
    assert "Traceback" not in said
    assert not started


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(mutated())
def test_what_is_not_refused_can_be_planned(made, config):
    try:
        load(config)
    except ConfigError:
        return
    planned(made, "--forceall", study=config)


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "config.yaml").write_text("heads: {epochs: 3}\nseed: 1\nheads: {l2: 0.5}\n")
    done = snakemake(checkout, "--dry-run")
    assert done.returncode == 1
    assert "heads: found twice in config.yaml, line 3, allowed: once" in done.stdout + done.stderr


def test_a_study_that_is_given_stands_alone(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "config.yaml").write_text("seed: not a number\n")
    file = "workflow/studies/smoke.yaml"
    found = jobs(checkout, "--configfile", file)
    study = yaml.safe_load((ROOT / file).read_text())
    heads = [job.wildcards for job in found if job.rule == "train_head"]
    rates = {float(head["learning_rate"]) for head in heads}
    assert rates == set(study["heads"]["learning_rates"])
    fractions = {float(head["fraction"]) for head in heads}
    assert fractions == {fraction["fraction"] for fraction in study["fractions"]}


def test_a_later_config_changes_an_earlier_one_key_by_key(tmp_path):
    checkout = copy_checkout(tmp_path)
    page = (ROOT / "docs/running.md").read_text()
    (small,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (checkout / "small.yaml").write_text(small)
    assert "--configfile config.yaml small.yaml" in page
    files = ("--configfile", "config.yaml", "small.yaml")
    (checkout / "inspected.smk").write_text(
        'include: "Snakefile"\nimport json\nprint(json.dumps(config))\n'
    )
    done = snakemake(checkout, "--snakefile", "inspected.smk", "--list-rules", *files)
    assert done.returncode == 0, done.stderr
    merged = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    expected = yaml.safe_load((ROOT / "config.yaml").read_text())
    expected["results"] = "results/small"
    expected["heads"]["epochs"] = 5
    expected["datasets"]["clothes"]["training_per_class"] = 600
    assert merged == expected
    found = jobs(checkout, *files)
    epochs = {job.wildcards["epochs"] for job in found if job.rule == "train_head"}
    assert epochs == {"5"}
    assert all(
        file.startswith(("results/small/", "resources/")) for job in found for file in job.output
    )


def test_each_of_several_configs_is_searched_for_keys_that_are_there_twice(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "small.yaml").write_text("heads: {epochs: 3}\nheads: {l2: 0.5}\n")
    for files in (("config.yaml", "small.yaml"), ("small.yaml", "config.yaml")):
        done = snakemake(checkout, "--dry-run", "--configfile", *files)
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert re.search(r"heads: found twice in \S*small\.yaml, line 2, allowed: once", said)


def test_a_config_alone_that_lacks_a_key_is_told_how_to_change_another(tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "small.yaml").write_text("datasets: {clothes: {training_per_class: 600}}\n")
    advice = "; or name the config that it changes first: --configfile config.yaml small.yaml"
    done = snakemake(checkout, "--dry-run", "--configfile", "small.yaml")
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if "the config is refused" in line)
    assert "datasets.clothes: found no key 'source', which is required: " in line
    assert line.endswith(advice)
    for complete in (("config.yaml", "small.yaml"), ("small.yaml", "config.yaml")):
        done = snakemake(checkout, "--dry-run", "--configfile", *complete)
        assert done.returncode == 0, done.stderr
    (checkout / "small.yaml").write_text("sed: 1\n")
    done = snakemake(checkout, "--dry-run", "--configfile", "small.yaml")
    assert "found unknown key 'sed'" in done.stderr
    assert advice not in done.stderr


def test_a_lock_is_removed_by_what_the_readme_says(made):
    assert "`.venv/bin/snakemake --unlock`" in (ROOT / "README.md").read_text()
    done = snakemake(made, "--unlock", study=STUDY)
    assert done.returncode == 0, done.stderr


def test_another_workflow_can_use_it_as_a_module_in_its_own_folder(made, tmp_path):
    (tmp_path / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n'
        "module transfer_gain:\n"
        f'    snakefile: "{made}/Snakefile"\n'
        "    config: config\n\n"
        "use rule * from transfer_gain as transfer_gain_*\n"
    )
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(STUDY))
    done = snakemake(tmp_path, "--cores", "2", "transfer_gain_all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / STUDY["results"] / "report.html").is_file()


def test_make_shows_the_time_left_and_how_the_log_of_a_failed_job_ends(tmp_path):
    checkout = copy_checkout(tmp_path)
    failing = 'open(snakemake.log[0], "w").write("the mirror is down\\n")\nraise SystemExit(1)\n'
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(failing if script.stem == "draw_samples" else STUB)
    asked = re.search(r"--logger \w+", (ROOT / "Makefile").read_text())[0]
    path = f"{in_checkout.spies_on_tensorflow(checkout)}:{checkout / 'workflow'}"
    done = in_checkout.snakemake(
        *(checkout, "--cores", "2", "--keep-going", *asked.split()), study=STUDY, PYTHONPATH=path
    )
    assert done.returncode == 1
    assert re.search(r"\d of \d+ jobs, .* left: make_images clothes is done", done.stderr)
    assert re.search(r"draw_samples clothes [0-9.]+ failed\.", done.stderr)
    assert "the mirror is down" in done.stderr
    assert "run the same command to resume" in done.stderr
    assert "Traceback" not in done.stderr
