# Heads on the features: the grid, the selection by protocol, and the selected ones for longer.

HEAD_SETTINGS = {
    key: getattr(study.heads, key) for key in ("batch_size", "min_updates", "l2")
}


def expand_heads(pattern, dataset=study.datasets, backbone=study.backbones, size=SIZES):
    """Fill in a pattern for every head of the grid, by default of the whole study."""
    return [
        path
        for configuration in study.heads.configurations()
        for path in expand(
            pattern,
            dataset=dataset,
            backbone=backbone,
            size=size,
            epochs=study.heads.epochs,
            **configuration,
        )
    ]


def expand_long_runs(
    pattern,
    dataset=study.datasets,
    backbone=study.backbones,
    size=LONG_SIZES,
    protocol=PROTOCOLS,
):
    """Fill in a pattern for every long run, by default of the whole study."""
    return expand(
        pattern,
        dataset=dataset,
        backbone=backbone,
        size=size,
        protocol=protocol,
        epochs=study.long_runs.epochs,
    )


rule train_head:
    input:
        features=paths.features,
        samples=paths.samples,
        halves=paths.halves,
        code=files_behind("heads"),
    output:
        runs=f"{paths.head}/runs.parquet",
        history=f"{paths.head}/history.parquet",
    params:
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "layers": [int(units) for units in wildcards.layers.split("-")],
            "activation": wildcards.activation,
            "learning_rate": float(wildcards.learning_rate),
            "epochs": int(wildcards.epochs),
        },
    log:
        paths.log(paths.head),
    benchmark:
        paths.benchmark(paths.head)
    resources:
        gpu=0,
        mem_mb=lambda wildcards: 1500 + int(2500 * float(wildcards.size)),
    script:
        "../scripts/train_head.py"


rule select_heads:
    input:
        runs=lambda wildcards: expand_heads(
            rules.train_head.output.runs, wildcards.dataset, wildcards.backbone, wildcards.size
        ),
        code=files_behind("selection"),
    output:
        paths.selection,
    log:
        paths.log(paths.selection),
    benchmark:
        paths.benchmark(paths.selection)
    script:
        "../scripts/select_heads.py"


rule train_selected_head:
    input:
        features=paths.features,
        samples=paths.samples,
        halves=paths.halves,
        selection=paths.selection,
        code=files_behind("heads", "selection"),
    output:
        runs=f"{paths.long_run}/runs.parquet",
        history=f"{paths.long_run}/history.parquet",
    params:
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "epochs": int(wildcards.epochs),
            "min_updates": 0,
            "evaluate_every_epoch": True,
        },
    log:
        paths.log(paths.long_run),
    benchmark:
        paths.benchmark(paths.long_run)
    resources:
        gpu=0,
        mem_mb=lambda wildcards: 1500 + int(2500 * float(wildcards.size)),
    script:
        "../scripts/train_selected_head.py"
