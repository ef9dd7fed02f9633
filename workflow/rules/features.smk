# Extract features: each image passes through a frozen backbone once.


# Number of parts of a dataset that are extracted in parallel: --set-scatter features=4.
scattergather:
    features=1,


rule extract_features:
    input:
        images=lambda wildcards: jobs.images_of(
            study, wildcards.dataset, wildcards.backbone
        ),
        weights=lambda wildcards: weights_file(wildcards.backbone),
        samples=lambda wildcards: jobs.samples_passed(
            study, wildcards.dataset, wildcards.backbone
        ),
        shards=lambda wildcards: shards_of(wildcards.dataset, wildcards.backbone),
    output:
        paths.features,
    log:
        paths.log(paths.features),
        paths.benchmark(paths.features),
    priority: at_once(ON_ALL_CORES)
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards, input: 1 if input.shards else cores_for(wildcards.dataset)
    resources:
        gpu=lambda wildcards, input: no_gpu(wildcards) if input.shards else 1,
        mem_mb=growing(4000),
        runtime=minutes("extract_features"),
    params:
        **code_of("extract_features"),
        backbone=lambda wildcards: study.backbones[wildcards.backbone].cut,
        precision=study.precision,
        seed=study.seed,
    script:
        "../scripts/extract_features.py"


use rule extract_features as extract_shard with:
    input:
        images=lambda wildcards: jobs.images_of(
            study, wildcards.dataset, wildcards.backbone
        ),
        weights=lambda wildcards: weights_file(wildcards.backbone),
        samples=lambda wildcards: jobs.samples_passed(
            study, wildcards.dataset, wildcards.backbone
        ),
    output:
        temp(paths.shard),
    log:
        paths.log(paths.shard),
        paths.benchmark(paths.shard),
    threads: lambda wildcards: cores_for(wildcards.dataset)
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=minutes("extract_shard"),


rule extract_copies:
    input:
        images=lambda wildcards: jobs.images_of(
            study, wildcards.dataset, wildcards.backbone
        ),
        weights=lambda wildcards: weights_file(wildcards.backbone),
        samples=paths.samples,
    output:
        paths.copies,
    log:
        paths.log(paths.copies),
        paths.benchmark(paths.copies),
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards: cores_for(wildcards.dataset)
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=minutes("extract_copies"),
    params:
        **code_of("extract_features"),
        backbone=lambda wildcards: study.backbones[wildcards.backbone].cut,
        precision=study.precision,
        seed=study.seed,
        copies=lambda wildcards: {
            "count": study.transfer_augmented.copies,
            "ranges": study.augmentation_of(wildcards.dataset).settings(),
            "dataset": wildcards.dataset,
        },
    script:
        "../scripts/extract_features.py"


if STORE:

    rule store_weights:
        """A user's file of weights, from where the user is."""
        input:
            lambda wildcards: local(study.backbones[wildcards.backbone].weights),
        output:
            paths.own_weights("{backbone}", "own.{suffix}"),
        log:
            paths.log(paths.own_weights("{backbone}", "own.{suffix}")),
            paths.benchmark(paths.own_weights("{backbone}", "own.{suffix}")),
        wildcard_constraints:
            suffix="[a-z0-9]+",
        localrule: True
        conda:
            "../../envs/environment.yaml"
        params:
            **code_of("store_weights"),
        script:
            "../scripts/store_weights.py"


rule fetch_weights:
    output:
        paths.weights,
    log:
        paths.log(paths.weights),
        paths.benchmark(paths.weights),
    priority: FETCH
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        architecture=lambda wildcards: wildcards.architecture,
    script:
        "../scripts/fetch_weights.py"
