from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables
    from transfer_gain.evaluation.published import PUBLISHED

    samples = dict(zip(snakemake.params.samples, snakemake.input.samples, strict=True))
    metric = metrics.metric(snakemake.params.metric)
    roles = dict(zip(snakemake.params.divided, snakemake.input.validation_roles, strict=True))
    rows = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True):
        index = store.read_index(path)
        divided = store.read_rows(roles[dataset]) if dataset in roles else None
        drawn = {fraction: samples[name, fraction] for name, fraction in samples if name == dataset}
        rows += [
            tables.fractions(
                index, store.read_rows(file), dataset, float(fraction), metric, divided
            )
            for fraction, file in drawn.items()
        ] or [tables.fractions(index, None, dataset, 1.0, metric)]
    counts = pd.concat(rows)
    tables.check_distinct(counts)
    published = tables.read_published(PUBLISHED, "fractions", snakemake.params.sources)
    table = tables.beside(counts, published, ["dataset", "fraction"])
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
