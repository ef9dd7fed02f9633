import itertools

import pandas as pd

from transfer_gain import job, store, tables

with job.logged(snakemake.log[0]):
    indices = dict(zip(snakemake.params.datasets, snakemake.input.images, strict=True))
    cases = itertools.product(snakemake.params.datasets, snakemake.params.sizes)
    rows = [
        tables.sizes(
            store.read_index(indices[dataset]), store.read_rows(path), dataset, float(size)
        )
        for (dataset, size), path in zip(cases, snakemake.input.samples, strict=True)
    ]
    store.write_table(pd.concat(rows), snakemake.output.csv, snakemake.output.parquet)
