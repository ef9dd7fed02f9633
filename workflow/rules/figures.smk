# Figures, each as SVG and PNG.

FIGURES = [
    # One figure for all fractions, although jobs have one fraction each.
    *fill("learning_rates_{dataset}_{backbone}", SELECTIONS),
    *fill("grid_{dataset}_{backbone}", SELECTIONS),
    *fill("long_runs_{dataset}_{backbone}", jobs.long_runs(study)),
    *expand("samples_{dataset}", dataset=study.datasets),
    *expand("near_copies_{dataset}", dataset=OWN),
    *expand(
        "{name}_{dataset}_{protocol}",
        name=["learning_curves", "gains", "label_value", "cost"],
        dataset=TRANSFER,
        protocol=PROTOCOLS,
    ),
    *expand(
        "{name}_{dataset}",
        name=["decision", "augmented", "confusion", "reliability", "mistakes"],
        dataset=TRANSFER,
    ),
    *expand(["next_labels_{dataset}", "to_label_{dataset}"], dataset=UNLABELLED),
    "best_heads",
]
ONE_SHOT_FIGURES = ["one_shot_tasks", "similarity", "class_map", "distance_and_gain"]
if study.one_shot:
    ONE_SHOT_FIGURES += expand(
        ["one_shot_{approach}", "one_shot_methods_{approach}"],
        approach=study.one_shot.approaches,
    )
    FIGURES += ONE_SHOT_FIGURES

# What figures of scores depend on. Their captions contain the label.
METRIC_SHOWN = {
    "metric": study.metric,
    "metric_label": metric_display.words(metrics.metric(study.metric)).noun,
}


rule figures:
    """All figures, as SVG and PNG."""
    input:
        [paths.figure(name) + ending for name in FIGURES for ending in (".svg", ".png")],


rule plot_learning_rates:
    input:
        runs=lambda wildcards: fill(f"{paths.head}/runs.parquet", HEADS, **wildcards),
        selections=lambda wildcards: fill(paths.selection, SELECTIONS, **wildcards),
        images=paths.images,
        validation_roles=paths.validation_roles,
    output:
        **figure_files("learning_rates_{dataset}_{backbone}", "learning_rates"),
    log:
        paths.log(paths.figure("learning_rates_{dataset}_{backbone}")),
        paths.benchmark(paths.figure("learning_rates_{dataset}_{backbone}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_learning_rates", PUBLISHED),
        **METRIC_SHOWN,
        fractions=lambda wildcards: [
            float(fraction) for fraction in study.fraction_names(wildcards.backbone)
        ],
        sources=lambda wildcards: {
            name: source
            for name, source in SOURCES_OF_SCORES.items()
            if name == wildcards.dataset and wildcards.backbone in PUBLISHED_BACKBONES
        },
    script:
        "../scripts/plot_learning_rates.py"


rule plot_grid:
    input:
        runs=lambda wildcards: fill(f"{paths.head}/runs.parquet", HEADS, **wildcards),
        images=paths.images,
        validation_roles=paths.validation_roles,
    output:
        **figure_files("grid_{dataset}_{backbone}", "grid"),
    log:
        paths.log(paths.figure("grid_{dataset}_{backbone}")),
        paths.benchmark(paths.figure("grid_{dataset}_{backbone}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_grid"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_grid.py"


rule plot_long_runs:
    input:
        history=lambda wildcards: fill(
            f"{paths.long_run}/history.parquet",
            jobs.long_runs(study),
            **wildcards,
            protocol=SAME_IMAGES,
        ),
    output:
        **figure_files("long_runs_{dataset}_{backbone}", "long_runs"),
    log:
        paths.log(paths.figure("long_runs_{dataset}_{backbone}")),
        paths.benchmark(paths.figure("long_runs_{dataset}_{backbone}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_long_runs"),
    script:
        "../scripts/plot_long_runs.py"


rule plot_samples:
    input:
        images=paths.images,
    output:
        **figure_files("samples_{dataset}", "samples"),
    log:
        paths.log(paths.figure("samples_{dataset}")),
        paths.benchmark(paths.figure("samples_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_samples"),
        per_class=10,
    script:
        "../scripts/plot_samples.py"


rule plot_near_copies:
    input:
        images=paths.images,
        near_copies=f"{paths.table('near_copies')}.parquet",
    output:
        **figure_files("near_copies_{dataset}", "near_copies"),
    log:
        paths.log(paths.figure("near_copies_{dataset}")),
        paths.benchmark(paths.figure("near_copies_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_near_copies"),
    script:
        "../scripts/plot_near_copies.py"


rule plot_best_heads:
    """The best heads' scores against labels, of all datasets and backbones."""
    input:
        best=f"{paths.table('best_heads')}.parquet",
        fractions=f"{paths.table('fractions')}.parquet",
    output:
        **figure_files("best_heads", "best_heads"),
    log:
        paths.log(paths.figure("best_heads")),
        paths.benchmark(paths.figure("best_heads")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_best_heads"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_best_heads.py"


rule plot_decision:
    input:
        scores=f"{paths.table(study.metric)}.parquet",
        forecast=f"{paths.table('forecast')}.parquet",
        options=f"{paths.table('options')}.parquet",
        classes=f"{paths.table('classes')}.parquet",
    output:
        **figure_files("decision_{dataset}", "decision"),
    log:
        paths.log(paths.figure("decision_{dataset}")),
        paths.benchmark(paths.figure("decision_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_decision"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_decision.py"


rule plot_learning_curves:
    input:
        scores=f"{paths.table(study.metric)}.parquet",
        forecast=f"{paths.table('forecast')}.parquet",
        images=paths.images,
        validation_roles=paths.validation_roles,
    output:
        **figure_files("learning_curves_{dataset}_{protocol}", "learning_curves"),
    log:
        paths.log(paths.figure("learning_curves_{dataset}_{protocol}")),
        paths.benchmark(paths.figure("learning_curves_{dataset}_{protocol}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_learning_curves"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_learning_curves.py"


rule plot_gains:
    input:
        gains=f"{paths.table('gains')}.parquet",
    output:
        **figure_files("gains_{dataset}_{protocol}", "gains"),
    log:
        paths.log(paths.figure("gains_{dataset}_{protocol}")),
        paths.benchmark(paths.figure("gains_{dataset}_{protocol}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_gains"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_gains.py"


rule plot_label_value:
    input:
        label_value=f"{paths.table('label_value')}.parquet",
    output:
        **figure_files("label_value_{dataset}_{protocol}", "label_value"),
    log:
        paths.log(paths.figure("label_value_{dataset}_{protocol}")),
        paths.benchmark(paths.figure("label_value_{dataset}_{protocol}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_label_value"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_label_value.py"


rule plot_cost:
    input:
        cost=f"{paths.table('cost')}.parquet",
        scores=f"{paths.table(study.metric)}.parquet",
        fractions=f"{paths.table('fractions')}.parquet",
    output:
        **figure_files("cost_{dataset}_{protocol}", "cost"),
    log:
        paths.log(paths.figure("cost_{dataset}_{protocol}")),
        paths.benchmark(paths.figure("cost_{dataset}_{protocol}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_cost"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_cost.py"


rule plot_confusion:
    input:
        confusion=f"{paths.table('confusion')}.parquet",
    output:
        **figure_files("confusion_{dataset}", "confusion"),
    log:
        paths.log(paths.figure("confusion_{dataset}")),
        paths.benchmark(paths.figure("confusion_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_confusion"),
    script:
        "../scripts/plot_confusion.py"


rule plot_reliability:
    input:
        reliability=f"{paths.table('reliability')}.parquet",
    output:
        **figure_files("reliability_{dataset}", "reliability"),
    log:
        paths.log(paths.figure("reliability_{dataset}")),
        paths.benchmark(paths.figure("reliability_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_reliability"),
    script:
        "../scripts/plot_reliability.py"


rule plot_mistakes:
    input:
        mistakes=f"{paths.table('mistakes')}.parquet",
        images=paths.images,
    output:
        **figure_files("mistakes_{dataset}", "mistakes"),
    log:
        paths.log(paths.figure("mistakes_{dataset}")),
        paths.benchmark(paths.figure("mistakes_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_mistakes"),
    script:
        "../scripts/plot_mistakes.py"


rule plot_next_labels:
    input:
        test=f"{paths.table('next_labels_test')}.parquet",
    output:
        **figure_files("next_labels_{dataset}", "next_labels"),
    log:
        paths.log(paths.figure("next_labels_{dataset}")),
        paths.benchmark(paths.figure("next_labels_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_next_labels"),
        **METRIC_SHOWN,
    script:
        "../scripts/plot_next_labels.py"


rule plot_to_label:
    input:
        next_labels=f"{paths.table('next_labels')}.parquet",
        images=f"{paths.unlabelled}/images.parquet",
    output:
        **figure_files("to_label_{dataset}", "to_label"),
    log:
        paths.log(paths.figure("to_label_{dataset}")),
        paths.benchmark(paths.figure("to_label_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_to_label"),
    script:
        "../scripts/plot_to_label.py"


rule plot_augmented:
    input:
        images=paths.example,
    output:
        **figure_files("augmented_{dataset}", "augmented"),
    log:
        paths.log(paths.figure("augmented_{dataset}")),
        paths.benchmark(paths.figure("augmented_{dataset}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_augmented"),
    script:
        "../scripts/plot_augmented.py"
