# Figures, each as SVG and PNG.

HEAD_FIGURES = ["learning_rates", "grid"] + (["long_runs"] if LONG_SIZES else [])
FIGURES = [
    *expand(
        "{name}_{dataset}_{backbone}",
        name=HEAD_FIGURES,
        dataset=TRANSFER,
        backbone=study.backbones,
    ),
    *expand("samples_{dataset}", dataset=study.datasets),
    "accuracy",
]
SELECTIONS = expand(rules.select_heads.output, size=SIZES, allow_missing=True)


rule figures:
    input:
        [paths.figure(name) + ending for name in FIGURES for ending in (".svg", ".png")],


rule plot_learning_rates:
    input:
        runs=lambda wildcards: expand_heads(
            rules.train_head.output.runs, wildcards.dataset, wildcards.backbone
        ),
        selections=SELECTIONS,
        images=paths.images,
        published=PUBLISHED,
        code=files_behind("figures", "tables"),
    output:
        **figure_files("learning_rates_{dataset}_{backbone}", "learning_rates"),
    log:
        paths.log(paths.figure("learning_rates_{dataset}_{backbone}")),
    benchmark:
        paths.benchmark(paths.figure("learning_rates_{dataset}_{backbone}"))
    conda:
        "../../envs/environment.yaml"
    params:
        sizes=[float(size) for size in SIZES],
        sources=lambda wildcards: {
            name: source
            for name, source in SOURCES.items()
            if name == wildcards.dataset and wildcards.backbone in PUBLISHED_BACKBONES
        },
    script:
        "../scripts/plot_learning_rates.py"


rule plot_grid:
    input:
        runs=lambda wildcards: expand_heads(
            rules.train_head.output.runs, wildcards.dataset, wildcards.backbone
        ),
        images=paths.images,
        code=files_behind("figures"),
    output:
        **figure_files("grid_{dataset}_{backbone}", "grid"),
    log:
        paths.log(paths.figure("grid_{dataset}_{backbone}")),
    benchmark:
        paths.benchmark(paths.figure("grid_{dataset}_{backbone}"))
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/plot_grid.py"


rule plot_long_runs:
    input:
        history=lambda wildcards: expand_long_runs(
            rules.train_selected_head.output.history,
            wildcards.dataset,
            wildcards.backbone,
            protocol="report",
        ),
        code=files_behind("figures"),
    output:
        **figure_files("long_runs_{dataset}_{backbone}", "long_runs"),
    log:
        paths.log(paths.figure("long_runs_{dataset}_{backbone}")),
    benchmark:
        paths.benchmark(paths.figure("long_runs_{dataset}_{backbone}"))
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/plot_long_runs.py"


rule plot_samples:
    input:
        images=paths.images,
        code=files_behind("figures", "store"),
    output:
        **figure_files("samples_{dataset}", "samples"),
    log:
        paths.log(paths.figure("samples_{dataset}")),
    benchmark:
        paths.benchmark(paths.figure("samples_{dataset}"))
    conda:
        "../../envs/environment.yaml"
    params:
        per_class=10,
    script:
        "../scripts/plot_samples.py"


rule plot_accuracy:
    input:
        best=f"{paths.table('best_heads')}.parquet",
        sizes=f"{paths.table('sizes')}.parquet",
        code=files_behind("figures"),
    output:
        **figure_files("accuracy", "accuracy"),
    log:
        paths.log(paths.figure("accuracy")),
    benchmark:
        paths.benchmark(paths.figure("accuracy"))
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/plot_accuracy.py"
