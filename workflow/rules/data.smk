# Downloads, images, and which of them are trained on.


rule fetch_fashion_mnist:
    output:
        paths.fashion_mnist,
    input:
        code=files_behind("sources.fashion_mnist"),
    params:
        artefact="fashion_mnist",
    log:
        "resources/logs/fetch_fashion_mnist.log",
    benchmark:
        "resources/benchmarks/fetch_fashion_mnist.tsv"
    localrule: True
    script:
        "../scripts/fetch.py"


rule fetch_vgg16_weights:
    output:
        paths.vgg16_weights,
    input:
        code=files_behind("sources.vgg16_weights"),
    params:
        artefact="vgg16_weights",
    log:
        "resources/logs/fetch_vgg16_weights.log",
    benchmark:
        "resources/benchmarks/fetch_vgg16_weights.tsv"
    localrule: True
    script:
        "../scripts/fetch.py"


rule make_images:
    input:
        files=lambda wildcards: fetched(study.datasets[wildcards.dataset].source),
        code=lambda wildcards: files_behind(
            "images", source_module(study.datasets[wildcards.dataset].source)
        ),
    output:
        paths.images,
    params:
        settings=lambda wildcards: asdict(study.datasets[wildcards.dataset]),
        seed=study.seed,
    log:
        paths.log(paths.images),
    benchmark:
        paths.benchmark(paths.images)
    resources:
        mem_mb=2000,
    script:
        "../scripts/make_images.py"


rule draw_samples:
    input:
        images=paths.images,
        code=files_behind("sampling"),
    output:
        paths.samples,
    params:
        fraction=lambda wildcards: float(wildcards.size),
        replicates=lambda wildcards: study.replicates(wildcards.size),
        seed=study.seed,
    log:
        paths.log(paths.samples),
    benchmark:
        paths.benchmark(paths.samples)
    script:
        "../scripts/draw_samples.py"


rule halve_validation:
    input:
        images=paths.images,
        code=files_behind("sampling"),
    output:
        paths.halves,
    params:
        seed=study.seed,
    log:
        paths.log(paths.halves),
    benchmark:
        paths.benchmark(paths.halves)
    script:
        "../scripts/halve_validation.py"
