from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables
    from transfer_gain.evaluation.published import PUBLISHED

    selections = pd.concat(
        store.with_names(store.read_rows(path), names)
        for path, names in zip(snakemake.input.selections, snakemake.params.names, strict=True)
    )
    published = tables.read_published_transfer(
        PUBLISHED,
        snakemake.params.sources,
        snakemake.params.published_backbones,
    )
    table = tables.best_heads(
        store.read_rows(snakemake.input.runs),
        selections,
        published,
        metrics.metric(snakemake.params.metric),
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
