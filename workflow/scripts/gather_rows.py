from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import store

    rows = store.read_rows(snakemake.input.rows)
    store.write_table(rows, snakemake.output.csv, snakemake.output.parquet)
