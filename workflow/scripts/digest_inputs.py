from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import json

    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.runtime import provenance

    params = snakemake.params
    # With a store, the files are copies elsewhere; the digests have the paths of the study.
    files = dict(zip(params.files, snakemake.input.files, strict=True))
    files |= {path: path for path in params.folders}
    digests = {path: provenance.digest(files[path]) for path in sorted(files)}
    with written_whole(snakemake.output[0]) as temporary:
        temporary.write_text(json.dumps(digests, indent=2) + "\n")
