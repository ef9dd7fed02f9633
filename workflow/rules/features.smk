# Images through a frozen backbone, once.


rule extract_features:
    input:
        images=paths.images,
        weights=paths.vgg16_weights,
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
    script:
        "../scripts/extract_features.py"
