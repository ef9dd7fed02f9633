from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.names import HELD_OUT
    from transfer_gain.reporting import advice
    from transfer_gain.reporting.figures.decision import plot_decision
    from transfer_gain.reporting.figures.style import save

    files, dataset = snakemake.input, snakemake.wildcards.dataset
    metric = metrics.metric(snakemake.params.metric)
    tables = {name: store.read_rows(files[name]) for name in ("options", "classes")}
    found = advice.standing(tables, metric, dataset)
    scores, forecast = (
        rows[(rows[["dataset", "protocol"]] == [dataset, HELD_OUT]).all(axis=1)]
        for rows in map(store.read_rows, (files.scores, files.forecast))
    )
    figure = plot_decision(scores, forecast, found.methods(), found.chance, metric)
    save(figure, *snakemake.output)
