# Extract features: each image passes through a frozen backbone once.
from snakemake.io import IOFile


# Number of parts of a dataset that are extracted in parallel: --set-scatter features=4.
scattergather:
    features=1,


def samples_passed(dataset, backbone):
    """Return the samples that limit the images of a backbone; none if all images pass."""
    fractions = study.fraction_names(backbone)
    return (
        []
        if "1" in fractions
        else expand(paths.samples, dataset=dataset, fraction=fractions)
    )


def shards_of(dataset, backbone):
    """Return the parts that a dataset's features are gathered from; none if there is only one.

    Existing features keep the parts that Snakemake recorded for them, so that changing the number
    of parts does not extract them again.
    """
    names = {"dataset": dataset, "backbone": backbone}
    features = paths.features.format(**names)
    if Path(features).exists():
        made_of = workflow.persistence.input(IOFile(features))
        if made_of is not None:
            folder = Path(paths.shard.format(**names, scatteritem="")).parent
            parts = [file for file in made_of if Path(file).parent == folder]
            # Snakemake records them in alphabetical order, in which 10 comes before 2.
            return sorted(parts, key=lambda file: int(Path(file).name.split("-of-")[0]))
    shards = gather.features(paths.shard, **names)
    return shards if len(shards) > 1 else []


rule extract_features:
    input:
        images=paths.images,
        weights=lambda wildcards: weights_file(wildcards.backbone),
        samples=lambda wildcards: samples_passed(wildcards.dataset, wildcards.backbone),
        shards=lambda wildcards: shards_of(wildcards.dataset, wildcards.backbone),
    output:
        paths.features,
    log:
        paths.log(paths.features),
        paths.benchmark(paths.features),
    conda:
        "../../envs/environment.yaml"
    threads: lambda wildcards, input: 1 if input.shards else cores_for(wildcards.dataset)
    resources:
        gpu=lambda wildcards, input: 0 if input.shards else 1,
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
        images=paths.images,
        weights=lambda wildcards: weights_file(wildcards.backbone),
        samples=lambda wildcards: samples_passed(wildcards.dataset, wildcards.backbone),
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
        images=paths.images,
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
            "ranges": study.augmentation.settings(),
            "dataset": wildcards.dataset,
        },
    script:
        "../scripts/extract_features.py"


rule fetch_weights:
    output:
        paths.weights,
    log:
        paths.log(paths.weights),
        paths.benchmark(paths.weights),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        architecture=lambda wildcards: wildcards.architecture,
    script:
        "../scripts/fetch_weights.py"
