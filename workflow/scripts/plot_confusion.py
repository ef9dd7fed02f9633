from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.confusion import plot_confusion
    from transfer_gain.reporting.figures.style import save

    rows = store.read_rows(snakemake.input.confusion)
    rows = rows[rows["dataset"] == snakemake.wildcards.dataset]
    save(plot_confusion(rows), *snakemake.output)
