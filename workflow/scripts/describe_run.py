from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import json
    import os
    from datetime import UTC, datetime
    from pathlib import Path

    import yaml

    from transfer_gain.data import store
    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.runtime import crate, provenance

    files, written = snakemake.input, snakemake.output
    with written_whole(written.config) as temporary:
        temporary.write_text(yaml.safe_dump(snakemake.params.config, sort_keys=False))
    folder = Path(written.crate).parent
    config, *made = (os.path.relpath(path, folder) for path in (written.config, *files.made))
    facts = {
        "datasets": snakemake.params.datasets,
        "citation": yaml.safe_load(Path(files.citation).read_text()),
        "code": provenance.describe_code(Path(files.citation).parent),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "precision": ", ".join(sorted(set(store.read_rows(files.runs)["precision"]))),
        "inputs": json.loads(Path(files.inputs).read_text()),
        "seconds": float(store.read_rows(files.cost)["seconds"].sum()),
        "ended": datetime.now(UTC),
    }
    described = crate.describe(folder, config, made, facts)
    with written_whole(written.crate) as temporary:
        temporary.write_text(json.dumps(described, indent=2) + "\n")
