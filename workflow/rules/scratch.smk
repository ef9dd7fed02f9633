# Networks trained from scratch on the images: the baseline, with and without augmentation, one as
# weak as the 2018 paper's, and a residual network.


rule train_from_scratch:
    input:
        images=paths.images,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
    output:
        **run_files(paths.scratch),
    log:
        paths.log(paths.scratch),
        paths.benchmark(paths.scratch),
    wildcard_constraints:
        method="|".join(records.trained_by("train_from_scratch")),
    priority: at_once(FIRST_ANSWER)
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        mem_mb=growing(2000),
        runtime=minutes("train_from_scratch"),
    params:
        **code_of("train_from_scratch"),
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | {
            "network": study.scratch_network(wildcards.method).settings(),
            "learning_rate": float(wildcards.learning_rate),
            "epochs": int(wildcards.epochs),
        }
        | ({"min_updates": 0} if wildcards.method == BASELINE_2018 else STOPPING),
        ranges=lambda wildcards: (
            study.augmentation_of(wildcards.dataset).settings()
            if wildcards.method == AUGMENTATION
            else None
        ),
    script:
        "../scripts/train_from_scratch.py"


rule train_resnet:
    input:
        images=paths.images,
        samples=paths.samples,
        validation_roles=paths.validation_roles,
    output:
        **run_files(paths.scratch),
    log:
        paths.log(paths.scratch),
        paths.benchmark(paths.scratch),
    wildcard_constraints:
        method="|".join(records.trained_by("train_resnet")),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=gpu_if_any,
        mem_mb=growing(2000),
        runtime=minutes("train_resnet"),
    params:
        **code_of("train_resnet"),
        seed=study.seed,
        settings=lambda wildcards: HEAD_SETTINGS
        | STOPPING
        | {
            "network": {"filters": study.resnet_scratch.filters},
            "learning_rate": float(wildcards.learning_rate),
            "epochs": int(wildcards.epochs),
        },
        ranges=lambda wildcards: {
            key: getattr(study.augmentation_of(wildcards.dataset), key)
            for key in ("shift", "flip")
        },
    script:
        "../scripts/train_resnet.py"


rule augment_example:
    input:
        images=paths.images,
    output:
        paths.example,
    log:
        paths.log(paths.example),
        paths.benchmark(paths.example),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("augment_example"),
        seed=study.seed,
        ranges=lambda wildcards: study.augmentation_of(wildcards.dataset).settings(),
        times=12,
    script:
        "../scripts/augment_example.py"
