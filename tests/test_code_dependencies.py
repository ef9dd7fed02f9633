import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer_gain.evaluation.published import PUBLISHED
from transfer_gain.runtime.code_dependencies import PACKAGE, digests_behind, files_behind

MODULES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.name != "__init__.py"
}
# What computes nothing with networks never waits for TensorFlow.
WITH_TENSORFLOW = {name for name in MODULES if name.startswith(("training.", "features."))}
WITH_TENSORFLOW |= {f"methods.{name}" for name in ("heads", "scratch", "resnet", "fine_tuning")}
WITH_TENSORFLOW |= {
    f"few_shot.{name}" for name in ("siamese", "siamese_training", "metric_learning")
}
WITH_TENSORFLOW |= {f"model.{name}" for name in ("files", "final_training", "graph", "making")}
WITH_TENSORFLOW |= {"predict.__main__", "predict.table", "labelling.unlabelled"}
WITHOUT_TENSORFLOW = sorted(set(MODULES) - WITH_TENSORFLOW)


def names_behind(*modules: str) -> set[str]:
    files = {*files_behind(*(MODULES[name] for name in modules))}
    return {name for name, file in MODULES.items() if file in files}


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a program, except those that only a type checker reads."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from executed(node)


def imports(file: Path) -> set[str]:
    """Return the full names of all that a file imports, wherever in it."""
    found = set()
    for node in executed(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = file.parent.relative_to(PACKAGE.parent).parts
            above = parents[: len(parents) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


# --- The files behind a job ---


@pytest.mark.parametrize(
    ("modules", "behind"),
    [
        (["data.store"], {"data.store", "data.sealed_parquet", "data.whole_files"}),
        (["evaluation.statistics"], {"evaluation.statistics"}),
        (
            ["data.sources.jaffe"],  # at two removes: expressions, archives and pictures
            {"printable"}
            | {
                f"data.sources.{name}"
                for name in (
                    *("jaffe", "expressions", "pictures", "archives", "archive_formats"),
                    *("base", "limits", "clutter", "kinds", "walk"),
                )
            },
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_all_that_is_imported_at_any_remove_is_behind_a_module(modules, behind):
    assert names_behind(*modules) == behind


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted(set(MODULES) - {"runtime.job"}))  # behind no job
def test_every_import_is_followed(module):
    imported = {name for name in MODULES if f"{PACKAGE.name}.{name}" in imports(MODULES[module])}
    behind = names_behind(module)
    assert imported <= behind
    assert set().union(*(names_behind(name) for name in imported)) <= behind


def test_behind_a_script_is_all_but_what_runs_it():
    script = PACKAGE.parent / "scripts" / "select_heads.py"
    names = {Path(file).name for file in files_behind(script)}
    assert names == {
        "select_heads.py",
        "__init__.py",
        "selection.py",
        "metrics.py",
        "store.py",
        "sealed_parquet.py",
        "whole_files.py",
        "records.py",
        "jobs.py",
        "names.py",
    }


def test_digests_name_each_file_wherever_the_checkout_is():
    script = PACKAGE.parent / "scripts" / "select_heads.py"
    lines = [*digests_behind(script).values()]
    assert lines == sorted(lines)
    assert [line.split()[0] for line in lines] == [
        str(file.relative_to(PACKAGE.parent)) for file in files_behind(script)
    ]


def test_an_import_for_the_type_checker_alone_is_not_followed():
    assert "config.jobs" in names_behind("methods.records")
    assert "config.study" not in names_behind("methods.records")


def test_no_training_job_reads_labels_and_colours():
    scripts = [
        f"train_{name}" for name in ("head", "from_scratch", "siamese", "embedding", "model")
    ]
    for script in [*scripts, "fine_tune", "fit_probes", "extract_features"]:
        behind = files_behind(PACKAGE.parent / "scripts" / f"{script}.py")
        assert PACKAGE / "methods" / "records.py" not in behind
        assert not any(file.is_relative_to(PACKAGE / "reporting") for file in behind)


def test_a_new_metric_extracts_nothing_again():
    behind = files_behind(PACKAGE.parent / "scripts" / "extract_features.py")
    assert PACKAGE / "metrics.py" not in behind


def test_behind_a_plot_is_no_other_figure():
    scripts = {file.stem: file for file in (PACKAGE.parent / "scripts").glob("plot_*.py")}
    figures = PACKAGE / "reporting" / "figures"
    for name, script in scripts.items():
        behind = {f"plot_{file.stem}" for file in files_behind(script) if file.parent == figures}
        assert behind & {*scripts} == {name}


# --- Which module may import which ---


@pytest.mark.parametrize("module", WITHOUT_TENSORFLOW)
def test_tensorflow_stays_with_the_networks(module):
    assert not names_behind(module) & WITH_TENSORFLOW
    roots = {name.split(".")[0] for name in imports(MODULES[module])}
    assert not roots & {"tensorflow", "keras"}


@pytest.mark.parametrize(
    "module", [name for name in sorted(MODULES) if not name.startswith("config.")]
)
def test_editing_the_config_s_module_reruns_nothing(module):
    assert "config.study" not in names_behind(module) - {module}


# From bottom to top: a package imports from itself, from those before it, and from the modules that
# stand beside the packages. `runtime` serves rules and scripts; what computes knows nothing of it.
FLOW = ("config", "data", "training", "features", "few_shot", "methods", "evaluation")
FLOW += ("model", "predict", "labelling", "reporting")
ALLOWED = {package: set(FLOW[: number + 1]) for number, package in enumerate(FLOW)}
ALLOWED["runtime"] = {"config", "data", "methods", "runtime"}


def test_every_package_has_its_place_in_the_flow():
    assert {folder.parent.name for folder in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_one_way(module):
    package = module.split(".")[0] if "." in module else ""
    imported = {
        name.split(".")[1]
        for name in imports(MODULES[module])
        if name.startswith(f"{PACKAGE.name}.") and (PACKAGE / name.split(".")[1]).is_dir()
    }
    assert imported <= ALLOWED.get(package, set())


def test_package_files_are_empty():
    assert not any(
        file.read_text() for file in PACKAGE.rglob("__init__.py") if file.parent != PACKAGE
    )


def test_a_file_of_data_is_a_dependency_like_code():
    script = PACKAGE.parent / "scripts" / "tabulate_best_heads.py"
    (line,) = digests_behind(script, PUBLISHED).items() - digests_behind(script).items()
    assert line[0] == "code_published_2018_yaml"
    assert line[1].startswith("published_2018.yaml ")
