from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.gains import plot_gains
    from transfer_gain.reporting.figures.style import save

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.gains)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    save(plot_gains(rows, metrics.metric(snakemake.params.metric)), *snakemake.output)
