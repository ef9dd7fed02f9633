from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.label_value)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    figure = figures.plot_label_value(rows, metrics.metric(snakemake.params.metric))
    figures.save(figure, *snakemake.output)
