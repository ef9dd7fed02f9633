from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from pathlib import Path

    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.model import description
    from transfer_gain.reporting import model_card

    folder = Path(snakemake.input.description).parent
    with written_whole(snakemake.output[0]) as temporary:
        temporary.write_text(model_card.render(description.read(folder), folder))
