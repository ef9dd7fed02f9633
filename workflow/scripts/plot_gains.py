from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.gains)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    figure = figures.plot_gains(rows, metrics.metric(snakemake.params.metric))
    figures.save(figure, *snakemake.output)
