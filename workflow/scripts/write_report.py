from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import json
    from pathlib import Path

    import pandas as pd

    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.reporting import answer, answer_json, report
    from transfer_gain.reporting.sharing import Sharing
    from transfer_gain.runtime import provenance

    params, files = snakemake.params, snakemake.input
    metric = metrics.metric(params.metric)
    config, sharing = params.facts["config"], Sharing(**params.sharing, home=str(Path.home()))
    tables = [
        report.ReportItem(**made, content=sharing.table(made["name"], store.read_rows(path)))
        for made, path in zip(params.tables, files.tables, strict=True)
    ]
    captions = Path(report.__file__).parents[2] / "report"
    figures = [
        report.ReportItem(
            **made,
            content=Path(path).read_text(),
            caption=report.caption(captions / f"{made['kind']}.rst", made["wildcards"], metric),
        )
        for made, path in zip(params.figures, files.figures, strict=True)
    ]
    rows = {table.name: table.content for table in tables}
    runs = store.read_rows(files.runs)
    facts = params.facts | {
        "config": sharing.config(config),
        "classes": {
            dataset: store.read_metadata(path)["classes"]
            for dataset, path in zip(params.datasets, files.images, strict=True)
        },
        "provenance": provenance.describe(
            Path(report.__file__).parents[3],
            runs["precision"],
            sharing.inputs(json.loads(Path(files.inputs).read_text()), config),
            rows["cost"]["seconds"],
        ),
        "planned_costs": pd.DataFrame(params.planned_costs),
    }
    rows["planned_costs"] = facts["planned_costs"]
    made, models = snakemake.output, params.models
    for path, text in (
        (made.html, report.render(figures, tables, runs, metric, facts, sharing)),
        (made.answer, answer.write(rows, metric, params.report, models.values())),
        (made.answer_json, answer_json.write(rows, metric, params.report, models)),
    ):
        with written_whole(path) as temporary:
            temporary.write_text(text)
