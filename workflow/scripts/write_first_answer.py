from pathlib import Path

from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.reporting import first_answer

    files = snakemake.input
    text = first_answer.first_answer(
        store.read_rows(files.runs),
        store.read_rows(files.validation_roles),
        store.read_index(files.images),
        files.predictions,
        snakemake.wildcards.dataset,
        metrics.metric(snakemake.params.metric),
    )
    with written_whole(snakemake.output[0]) as temporary:
        Path(temporary).write_text(text)
