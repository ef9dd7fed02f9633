"""The layout that the Snakemake workflow catalog and `snakedeploy` expect of a workflow."""

import functools
import http.server
import re
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

import checkout as in_checkout
from checkout import ROOT, copy_checkout
from stubbed_workflow import STUB, STUDY, environment, planned
from transfer_gain.config.loading import load
from transfer_gain.runtime import provenance


def test_the_config_that_is_deployed_is_that_of_a_checkout():
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()


def test_the_catalog_finds_what_it_asks_for():
    """As its documentation says, of the area *standardized usage*."""
    assert (ROOT / "workflow/Snakefile").is_file()
    assert {file.suffix for file in (ROOT / "workflow/rules").iterdir()} == {".smk"}
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"]["conda"]
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme


def test_the_example_of_the_instructions_is_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "path/to/birds").mkdir(parents=True)
    text = (ROOT / "config/README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert load(yaml.safe_load(example)).datasets["birds"].source == "folder"
    keys = {key for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for key in row.split()}
    named = {key.strip("`,") for key in keys if "`" in key}
    assert named <= load({}).model_dump().keys()


@pytest.mark.slow
def test_without_a_target_either_snakefile_makes_everything(made):
    study = STUDY | {"results": "anew"}
    everything = planned(made, "all", study=study)
    assert len(everything) > 30
    assert planned(made, study=study) == everything
    assert planned(made, "--snakefile", "workflow/Snakefile", study=study) == everything


# --- From a git repository ---

OWNER = "someone/transfer-gain"
TAG = "v0"


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Path:
    """A folder of git repositories, with one of the checkout whose scripts only touch files."""
    folder = tmp_path_factory.mktemp("hosted")
    checkout = copy_checkout(folder / OWNER)
    for script in checkout.glob("workflow/scripts/*.py"):
        script.write_text(STUB + script.read_text())
    git(checkout, "init", "--quiet")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "all")
    git(checkout, "tag", TAG)
    return folder


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as nobody in particular."""
    author = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True)


def surroundings(hosted: Path, folder: Path) -> dict[str, str]:
    """Return an environment in which github.com is a folder and Snakemake's cache is its own."""
    return environment(folder) | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{hosted}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "GITHUB_TOKEN": "",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


# As profiles/default says; the profile of a checkout is not read by another workflow.
TRIGGERS = ("--rerun-triggers", "mtime", "params", "input", "software-env")


@pytest.mark.slow
def test_what_snakedeploy_deploys_makes_everything(hosted, tmp_path):
    pytest.importorskip("snakedeploy", reason="Python 3.13 and later cannot install it")
    around = surroundings(hosted, tmp_path)
    folder, address = tmp_path / "deployed", f"https://github.com/{OWNER}"
    run = "import sys; from snakedeploy.client import main; sys.exit(main())"
    arguments = ("deploy-workflow", address, str(folder), "--tag", TAG)
    done = in_checkout.python(tmp_path, "-c", run, *arguments, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    config = folder / "config/config.yaml"
    assert config.read_text() == (ROOT / "config.yaml").read_text()
    assert not config.is_symlink()
    config.write_text(yaml.safe_dump(STUDY))
    # It copies the profiles, of which Snakemake reads the default one.
    done = in_checkout.snakemake(folder, "--cores", "2", timeout=600, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / STUDY["results"] / "report.html").is_file()
    assert in_checkout.jobs_to_run(folder, **around) == []


def module(folder: Path, snakefile: str) -> Path:
    """Write a Snakefile that uses all rules of a module, and a study, into a folder."""
    (folder / "Snakefile").write_text(
        'configfile: "config.yaml"\n\n'
        "module transfer_gain:\n"
        f"    snakefile: {snakefile}\n"
        "    config: config\n\n"
        "use rule * from transfer_gain\n"
    )
    (folder / "config.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


@pytest.mark.slow
def test_a_local_repository_is_a_module_at_the_commit_that_is_named(hosted, tmp_path):
    address = f"git+file://{hosted / OWNER}/workflow/Snakefile@{TAG}"
    folder = module(tmp_path, f'"{address}"')
    around = surroundings(hosted, tmp_path)
    table = f"{STUDY['results']}/tables/fractions.csv"
    done = in_checkout.snakemake(folder, table, "--cores", "2", *TRIGGERS, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    assert in_checkout.jobs_to_run(folder, table, *TRIGGERS, **around) == []
    (exported,) = (folder / ".snakemake/transfer-gain").iterdir()
    assert provenance.describe_code(exported)["commit"] == exported.name
    assert (exported / "workflow/Snakefile").read_bytes() == (
        hosted / OWNER / "workflow/Snakefile"
    ).read_bytes()


@pytest.mark.slow
def test_a_module_from_a_plain_address_is_refused_in_one_line(hosted, tmp_path):
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=hosted / OWNER)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/workflow/Snakefile"
    folder = module(tmp_path, f'"{address}"')
    done = in_checkout.snakemake(folder, "--dry-run", **surroundings(hosted, tmp_path))
    server.shutdown()
    server.server_close()
    assert done.returncode == 1
    said = [line for line in (done.stdout + done.stderr).splitlines() if "allowed:" in line]
    assert said == [
        f"the workflow is read from {address.removesuffix('/Snakefile')}/rules, "
        "allowed: the Snakefile of a checkout, github(...) or gitlab(...)"
    ]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *_: object) -> None:
        pass
