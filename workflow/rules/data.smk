# Downloads, images, and the samples to train on. Downloads are verified by digest, so a change of code
# never requires downloading again.


rule fetch_fashion_mnist:
    """Fashion-MNIST's images of clothes, verified."""
    output:
        # Named outputs, because Snakemake caches only one unnamed output.
        **{Path(file).name.replace("-", "_"): file for file in paths.fashion_mnist},
    log:
        paths.log("resources/fashion-mnist"),
        paths.benchmark("resources/fashion-mnist"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        artefact="fashion_mnist",
    script:
        "../scripts/fetch.py"


rule fetch_solar_cells:
    """Photographs of solar cells, verified."""
    output:
        paths.solar_cells,
    log:
        paths.log("resources/solar-cells"),
        paths.benchmark("resources/solar-cells"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        artefact="solar_cells",
    script:
        "../scripts/fetch.py"


rule fetch_vgg16_weights:
    """VGG16's ImageNet weights, verified."""
    output:
        paths.vgg16_weights,
    log:
        paths.log(paths.vgg16_weights),
        paths.benchmark(paths.vgg16_weights),
    priority: FETCH
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        artefact="vgg16_weights",
    script:
        "../scripts/fetch.py"


rule make_images:
    input:
        files=lambda wildcards: source_files(wildcards.dataset),
    output:
        paths.images,
    log:
        paths.log(paths.images),
        paths.benchmark(paths.images),
    priority: at_once(ON_ALL_CORES)
    conda:
        "../../envs/environment.yaml"
    # Drawing a face or decoding a photograph takes milliseconds; other images are only read.
    threads:
        lambda wildcards: (
            cores_for(wildcards.dataset)
            if study.datasets[wildcards.dataset].source
            in ("avatars", "peeps", "folder")
            else 1
        )
    resources:
        mem_mb=growing(2000),
        runtime=minutes("make_images"),
    params:
        code=lambda wildcards: list(
            code_of(
                "make_images",
                code_dependencies.source_module(
                    study.datasets[wildcards.dataset].source
                ),
            ).values()
        ),
        contents=lambda wildcards: user_state(wildcards.dataset),
        # `transfer` does not affect the images.
        settings=lambda wildcards: {
            key: value
            for key, value in study.datasets[wildcards.dataset].settings().items()
            if key != "transfer"
        },
        cross_fitted=lambda wildcards: study.datasets[wildcards.dataset].is_cross_fitted,
        seed=study.seed,
    script:
        "../scripts/make_images.py"


# The same images in the size of a backbone that takes more pixels than `image_size`.
use rule make_images as make_larger_images with:
    output:
        paths.larger_images,
    log:
        paths.log(paths.larger_images),
        paths.benchmark(paths.larger_images),
    priority: 0  # a first answer is told without them
    resources:
        # Batches of images, which are compressed while the next ones are made.
        mem_mb=lambda wildcards, attempt: attempt
        * (2000 + int(wildcards.size) ** 2 // 200),
        runtime=minutes("make_larger_images"),


rule draw_samples:
    input:
        images=paths.images,
        validation_roles=paths.validation_roles,
    output:
        paths.samples,
    log:
        paths.log(paths.samples),
        paths.benchmark(paths.samples),
    # Reports a class that is too small for a fraction before any training on its dataset. The first
    # answer's sample comes first, so that nothing else takes the cores that its trainings need.
    priority: lambda wildcards: CHECK + at_once(1)(wildcards)
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("draw_samples"),
        fraction=lambda wildcards: float(wildcards.fraction),
        replicates=lambda wildcards: study.replicates(wildcards.fraction),
        seed=study.seed,
    script:
        "../scripts/draw_samples.py"


rule assign_validation_roles:
    input:
        images=paths.images,
    output:
        paths.validation_roles,
    log:
        paths.log(paths.validation_roles),
        paths.benchmark(paths.validation_roles),
    priority: at_once(CHECK)
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("assign_validation_roles"),
        seed=study.seed,
        cross_fitting=study.cross_fitting.model_dump(),
    script:
        "../scripts/assign_validation_roles.py"
