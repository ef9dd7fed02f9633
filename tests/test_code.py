import ast
from pathlib import Path

import pytest

from transfer_gain.code import PACKAGE, files_behind

MODULES = {
    ".".join(file.relative_to(PACKAGE).with_suffix("").parts): file
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.name != "__init__.py"
}
# What computes nothing with networks never waits for TensorFlow.
WITH_TENSORFLOW = {"devices", "training", "heads", "backbones", "cnn", "siamese"}
WITH_TENSORFLOW |= {"convolution", "fine_tuning", "contrastive"}
WITHOUT_TENSORFLOW = sorted(set(MODULES) - WITH_TENSORFLOW)


def names_behind(*modules: str) -> set[str]:
    files = {Path(file).resolve() for file in files_behind(*(MODULES[name] for name in modules))}
    return {name for name, file in MODULES.items() if file in files}


def imports(file: Path) -> set[str]:
    """Return the full names of all that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
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
        (["store"], {"store"}),
        (["statistics"], {"statistics"}),
        (["selection", "store"], {"selection", "store"}),
        (["figures"], {"figures", "selection", "statistics", "store"}),
        (["tables"], {"tables", "selection", "statistics", "store"}),
        (["images"], {"images", "processes", "splits", "seeds", "store", "printable"}),
        (
            ["heads"],
            {"heads", "training", "rows", "devices", "sampling", "seeds", "store", "printable"},
        ),
        (
            ["sources.fashion_mnist"],
            {"terminal", "printable", "sources.fashion_mnist", "sources.fetch"},
        ),
        (
            ["sources.jaffe"],  # at two removes: expressions, archives and pictures
            {
                "printable",
                "sources.jaffe",
                "sources.expressions",
                "sources.archives",
                "sources.pictures",
            },
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_all_that_is_imported_at_any_remove_is_behind_a_module(modules, behind):
    assert names_behind(*modules) == behind


def test_a_package_is_behind_the_modules_that_use_it():
    assert PACKAGE / "sources" / "__init__.py" in map(
        Path.resolve, map(Path, files_behind(MODULES["images"]))
    )


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"job"}))  # behind no job
def test_every_import_is_followed(module):
    imported = {name for name in MODULES if f"{PACKAGE.name}.{name}" in imports(MODULES[module])}
    behind = names_behind(module)
    assert imported <= behind
    assert set().union(*(names_behind(name) for name in imported)) <= behind


def test_behind_a_script_is_all_but_what_runs_it():
    script = PACKAGE.parent / "scripts" / "select_heads.py"
    names = {Path(file).name for file in files_behind(script)}
    assert names == {"select_heads.py", "__init__.py", "selection.py", "store.py"}


def test_paths_are_sorted_and_do_not_depend_on_where_the_checkout_is():
    files = files_behind(MODULES["tables"], MODULES["figures"])
    assert files == sorted(set(files))
    assert not any(Path(file).is_absolute() for file in files)


# --- Which module may import which ---


@pytest.mark.parametrize("module", WITHOUT_TENSORFLOW)
def test_tensorflow_stays_with_the_networks(module):
    assert not names_behind(module) & WITH_TENSORFLOW
    roots = {name.split(".")[0] for name in imports(MODULES[module])}
    assert not roots & {"tensorflow", "keras"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"reference"}))
def test_editing_the_config_s_module_reruns_nothing(module):
    assert "study" not in names_behind(module) - {module}


LAYERS = [  # from top to bottom
    {"figures", "tables", "report", "one_shot_figures", "one_shot_tables"},
    {"statistics", "selection", "similarity"},
    {"heads", "cnn", "siamese", "contrastive"},
    {"embeddings"},
    {"one_shot"},
    {"training"},
    {"backbones"},
    {"convolution"},
    {"devices"},
    {"images"},
    {"sampling", "store"},
    {name for name in MODULES if name.startswith("sources.")},
]


@pytest.mark.parametrize("depth", range(1, len(LAYERS)))
def test_imports_go_downwards(depth):
    above = set().union(*LAYERS[:depth])
    for module in LAYERS[depth] & set(MODULES):
        assert not names_behind(module) & above, module
