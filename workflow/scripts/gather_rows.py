from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store

    rows = store.read_rows(snakemake.input.rows)
    store.write_table(rows, snakemake.output.csv, snakemake.output.parquet)
