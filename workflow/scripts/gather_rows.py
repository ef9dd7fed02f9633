from transfer_gain import job, store

with job.logged(snakemake.log[0]):
    rows = store.read_rows(snakemake.input.rows)
    store.write_table(rows, snakemake.output.csv, snakemake.output.parquet)
