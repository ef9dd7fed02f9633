# Images through a frozen backbone, once.


rule extract_features:
    input:
        images=paths.images,
        weights=lambda wildcards: weights_file(wildcards.backbone),
        code=files_behind("backbones"),
    output:
        paths.features,
    log:
        paths.log(paths.features),
    benchmark:
        paths.benchmark(paths.features)
    conda:
        "../../envs/environment.yaml"
    threads: workflow.cores or 8
    resources:
        gpu=1,
        mem_mb=4000,
    params:
        backbone=lambda wildcards: asdict(study.backbones[wildcards.backbone]),
        precision=study.precision,
        seed=study.seed,
    script:
        "../scripts/extract_features.py"


rule fetch_weights:
    output:
        paths.weights,
    log:
        paths.log(paths.weights),
    benchmark:
        paths.benchmark(paths.weights)
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        architecture=lambda wildcards: wildcards.architecture,
    script:
        "../scripts/fetch_weights.py"
