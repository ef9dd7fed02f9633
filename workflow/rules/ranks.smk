# Rank the backbones by a ridge classifier on their features, before anything is trained on them.

# A study with a single trained backbone has nothing to rank.
RANKED = jobs.ranked(study)
RANK_TABLES = ["backbone_ranks", "rank_quality"]


rule rank_backbones:
    """The ranks of the backbones, as a table; nothing is trained for it."""
    input:
        [paths.table("backbone_ranks") + ending for ending in (".csv", ".parquet")],


rule score_backbone:
    input:
        features=paths.features,
        samples=paths.samples,
    output:
        paths.ranked,
    log:
        paths.log(paths.ranked),
        paths.benchmark(paths.ranked),
    # The ranks are there before the training that they are to save.
    priority: EARLY
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=growing(3000),
    params:
        **code_of("score_backbone"),
    script:
        "../scripts/score_backbone.py"


rule tabulate_backbone_ranks:
    """The backbones of each dataset, ranked by how well their features separate its classes."""
    input:
        scores=fill(paths.ranked, RANKED),
    output:
        **table_files("backbone_ranks"),
    log:
        paths.log(paths.table("backbone_ranks")),
        paths.benchmark(paths.table("backbone_ranks")),
    priority: EARLY
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_backbone_ranks"),
        metric=study.metric,
    script:
        "../scripts/tabulate_backbone_ranks.py"


rule tabulate_rank_quality:
    """How well the ranks of the backbones predicted the results."""
    input:
        ranks=f"{paths.table('backbone_ranks')}.parquet",
        selected=f"{paths.table('selected')}.parquet",
    output:
        **table_files("rank_quality"),
    log:
        paths.log(paths.table("rank_quality")),
        paths.benchmark(paths.table("rank_quality")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_rank_quality"),
        metric=study.metric,
    script:
        "../scripts/tabulate_rank_quality.py"
