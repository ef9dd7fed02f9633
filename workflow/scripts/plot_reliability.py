from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.reliability import plot_reliability
    from transfer_gain.reporting.figures.style import save

    rows = store.read_rows(snakemake.input.reliability)
    rows = rows[rows["dataset"] == snakemake.wildcards.dataset]
    save(plot_reliability(rows), *snakemake.output)
