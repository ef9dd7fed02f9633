# Heads on the features: the grid, the selection under each protocol, and refits of the selected heads;
# also the linear probe.

HEAD_SETTINGS = {
    key: getattr(study.heads, key) for key in ("batch_size", "min_updates", "l2")
} | study.class_weighting
# Not for runs that are compared at a number of updates.
STOPPING = {"stop_at_train_loss": study.heads.stop_at_train_loss}


rule train_head:
    input:
        features=paths.features,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
    output:
        **run_files(paths.head),
    log:
        paths.log(paths.head),
        paths.benchmark(paths.head),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        mem_mb=lambda wildcards, attempt: attempt
        * plan.head_megabytes(wildcards.fraction),
        runtime=minutes("train_head"),
    params:
        **code_of("train_head"),
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | STOPPING
        | {
            "layers": [int(units) for units in wildcards.layers.split("-")],
            "activation": wildcards.activation,
            "learning_rate": float(wildcards.learning_rate),
            "epochs": int(wildcards.epochs),
        },
        names={"method": records.TRANSFER, "run": "grid", "protocol": "both"},
    script:
        "../scripts/train_head.py"


rule select_heads:
    input:
        runs=lambda wildcards: fill(
            f"{paths.head}/runs.parquet", jobs.heads_of(study, wildcards)
        ),
    output:
        paths.selection,
    log:
        paths.log(paths.selection),
        paths.benchmark(paths.selection),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("select_heads"),
        metric=study.metric,
    script:
        "../scripts/select_heads.py"


rule train_selected_head:
    input:
        features=paths.features,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
        selection=paths.selection,
    output:
        **run_files(paths.long_run),
    log:
        paths.log(paths.long_run),
        paths.benchmark(paths.long_run),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        mem_mb=lambda wildcards, attempt: attempt
        * plan.head_megabytes(wildcards.fraction),
        runtime=minutes("train_selected_head"),
    params:
        **code_of("train_head"),
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "epochs": int(wildcards.epochs),
            "min_updates": 0,
            "evaluate": schedule.EVERY_EPOCH,
        },
        names={"method": records.TRANSFER, "run": "long"},
    script:
        "../scripts/train_head.py"


# Refits with augmented copies, and refits without them for the same number of updates.
rule refit_head:
    input:
        features=paths.features,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
        selection=paths.selection,
        copies=lambda wildcards: (
            paths.copies.format(
                dataset=wildcards.dataset,
                backbone=wildcards.backbone,
                fraction=jobs.fraction_of_copies(
                    study, wildcards.backbone, wildcards.fraction
                ),
            )
            if wildcards.method == TRANSFER_AUGMENTED
            else []
        ),
    output:
        **run_files(paths.refit),
    log:
        paths.log(paths.refit),
        paths.benchmark(paths.refit),
    wildcard_constraints:
        method="|".join(records.trained_by("refit_head")),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        mem_mb=lambda wildcards, attempt: attempt
        * plan.head_megabytes(wildcards.fraction),
        runtime=minutes("refit_head"),
    params:
        **code_of("train_head"),
        seed=study.seed,
        settings=HEAD_SETTINGS | {"epochs": study.heads.epochs},
        updates_of_copies=lambda wildcards: (
            study.transfer_augmented.copies
            if wildcards.method == TRANSFER_EXTENDED
            else 0
        ),
        names={"run": "refit"},
    script:
        "../scripts/train_head.py"


rule fine_tune:
    input:
        images=lambda wildcards: jobs.images_of(
            study, wildcards.dataset, wildcards.backbone
        ),
        weights=lambda wildcards: weights_file(wildcards.backbone),
        features=paths.features,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
        selection=paths.selection,
    output:
        **run_files(paths.fine_tuned),
    log:
        paths.log(paths.fine_tuned),
        paths.benchmark(paths.fine_tuned),
    wildcard_constraints:
        method="|".join(records.trained_by("fine_tune")),
    priority: EARLY  # takes long without a GPU: started last, it would run alone
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=gpu_if_any,
        mem_mb=growing(6000),
        runtime=minutes("fine_tune"),
    params:
        **code_of("fine_tune"),
        seed=study.seed,
        backbone=lambda wildcards: study.backbones[wildcards.backbone].cut,
        settings=HEAD_SETTINGS | STOPPING | {"epochs": study.heads.epochs},
        fine_tuning=lambda wildcards: study.fine_tuning_of(wildcards.backbone)
        | {
            "learning_rates": study.fine_tuning.learning_rates,
            "metric": study.metric,
        },
        names={"run": "refit"},
    script:
        "../scripts/fine_tune.py"


rule fit_probes:
    input:
        features=paths.features,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
    output:
        **run_files(paths.probe, "predictions", "runs"),
    log:
        paths.log(paths.probe),
        paths.benchmark(paths.probe),
    priority: at_once(FIRST_ANSWER)
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt
        * plan.head_megabytes(wildcards.fraction),
        runtime=minutes("fit_probes"),
    params:
        **code_of("fit_probes"),
        **study.class_weighting,
        seed=study.seed,
        penalties=study.linear_probe.l2,
    script:
        "../scripts/fit_probes.py"
