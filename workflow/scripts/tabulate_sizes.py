from transfer_gain.runtime import job

with job.logged(*snakemake.log):
    import pandas as pd

    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    samples = dict(zip(snakemake.params.samples, snakemake.input.samples, strict=True))
    rows = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True):
        index = store.read_index(path)
        drawn = {size: samples[name, size] for name, size in samples if name == dataset}
        rows += [
            tables.sizes(index, store.read_rows(file), dataset, float(size))
            for size, file in drawn.items()
        ] or [tables.sizes(index, None, dataset, 1.0)]
    published = tables.read_published(snakemake.input.published, "sizes", snakemake.params.sources)
    table = tables.beside(pd.concat(rows), published, ["dataset", "size"])
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
