# Heads on the features: the grid, the selection by protocol, and the selected ones once more.


rule train_head:
    input:
        features=paths.features,
        samples=paths.samples,
        halves=paths.halves,
        code=files_behind("heads"),
    output:
        runs=f"{paths.head}/runs.parquet",
        history=f"{paths.head}/history.parquet",
    log:
        paths.log(paths.head),
    benchmark:
        paths.benchmark(paths.head)
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=0,
        mem_mb=lambda wildcards, attempt: attempt
        * (1500 + int(2500 * float(wildcards.size))),
    params:
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "layers": [int(units) for units in wildcards.layers.split("-")],
            "activation": wildcards.activation,
            "learning_rate": float(wildcards.learning_rate),
            "epochs": int(wildcards.epochs),
        },
    script:
        "../scripts/train_head.py"


rule select_heads:
    input:
        runs=lambda wildcards: expand_heads(
            rules.train_head.output.runs,
            wildcards.dataset,
            wildcards.backbone,
            wildcards.size,
        ),
        code=files_behind("selection", "store"),
    output:
        paths.selection,
    log:
        paths.log(paths.selection),
    benchmark:
        paths.benchmark(paths.selection)
    conda:
        "../../envs/environment.yaml"
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
    log:
        paths.log(paths.long_run),
    benchmark:
        paths.benchmark(paths.long_run)
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=0,
        mem_mb=lambda wildcards, attempt: attempt
        * (1500 + int(2500 * float(wildcards.size))),
    params:
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "epochs": int(wildcards.epochs),
            "min_updates": 0,
            "evaluate_every_epoch": True,
        },
    script:
        "../scripts/train_selected_head.py"
