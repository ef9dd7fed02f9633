from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import similarity
    from transfer_gain.few_shot import inputs

    seed = snakemake.params.seed
    files = dict(zip(snakemake.params.datasets, snakemake.input.features, strict=True))
    samples = inputs.read_classes(files, snakemake.params.per_class, seed)
    table = similarity.compare(samples, store.read_rows(snakemake.input.p_same), seed)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
