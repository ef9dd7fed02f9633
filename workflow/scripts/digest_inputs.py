from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import json

    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.runtime import provenance

    paths = sorted([*snakemake.input.files, *snakemake.params.folders])
    digests = {path: provenance.digest(path) for path in paths}
    with written_whole(snakemake.output[0]) as temporary:
        temporary.write_text(json.dumps(digests, indent=2) + "\n")
