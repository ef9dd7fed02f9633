from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables
    from transfer_gain.evaluation.published import PUBLISHED
    from transfer_gain.reporting.figures.learning_rates import best_at_smallest, plot_learning_rates
    from transfer_gain.reporting.figures.style import save

    selections = pd.concat(
        store.read_rows(path).assign(fraction=fraction)
        for path, fraction in zip(
            snakemake.input.selections, snakemake.params.fractions, strict=True
        )
    )
    published = tables.read_published(PUBLISHED, "best_heads", snakemake.params.sources)
    metric = metrics.metric(snakemake.params.metric)
    figure = plot_learning_rates(
        store.read_rows(snakemake.input.runs),
        best_at_smallest(selections.reset_index(drop=True)),
        published,
        tables.chance_of(
            store.read_index(snakemake.input.images),
            metric,
            store.read_rows(snakemake.input.validation_roles),
        ),
        metric,
    )
    save(figure, *snakemake.output)
