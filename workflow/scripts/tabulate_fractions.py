from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    samples = dict(zip(snakemake.params.samples, snakemake.input.samples, strict=True))
    roles = dict(zip(snakemake.params.scored, snakemake.input.roles, strict=True))
    rows = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True):
        index = store.read_index(path)
        drawn = {fraction: samples[name, fraction] for name, fraction in samples if name == dataset}
        rows += [
            tables.fractions(
                index,
                store.read_rows(file),
                store.read_rows(roles[dataset]),
                dataset,
                float(fraction),
            )
            for fraction, file in drawn.items()
        ] or [tables.fractions(index, None, None, dataset, 1.0)]
    published = tables.read_published(
        snakemake.input.published, "fractions", snakemake.params.sources
    )
    table = tables.beside(pd.concat(rows), published, ["dataset", "fraction"])
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
