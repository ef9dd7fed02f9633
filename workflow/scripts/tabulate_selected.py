from transfer_gain.runtime import job

with job.logged(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import selection

    sizes = store.read_rows(snakemake.input.sizes)
    selected = selection.select_runs(
        store.read_rows(snakemake.input.runs), sizes[["dataset", "size", "training_per_class"]]
    )
    store.write_table(selected, snakemake.output.csv, snakemake.output.parquet)
