from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import json
    import os
    from datetime import UTC, datetime
    from pathlib import Path

    import yaml

    from transfer_gain.data import store
    from transfer_gain.data.whole_files import written_whole
    from transfer_gain.reporting.sharing import Sharing
    from transfer_gain.runtime import crate, provenance

    files, written = snakemake.input, snakemake.output
    config = snakemake.params.config
    sharing = Sharing(**snakemake.params.sharing, home=str(Path.home()))
    with written_whole(written.config) as temporary:
        temporary.write_text(yaml.safe_dump(sharing.config(config), sort_keys=False))
    folder = Path(written.crate).parent
    shown = [path for path in files.made if Path(path).stem not in sharing.unlisted()]
    checkout = Path(crate.__file__).parents[3]
    described, *made = (os.path.relpath(path, folder) for path in (written.config, *shown))
    facts = {
        "datasets": snakemake.params.datasets,
        "citation": yaml.safe_load((checkout / "CITATION.cff").read_text()),
        "code": provenance.describe_code(checkout),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "precision": ", ".join(sorted(set(store.read_rows(files.runs)["precision"]))),
        "inputs": sharing.inputs(json.loads(Path(files.inputs).read_text()), config),
        "seconds": float(store.read_rows(files.cost)["seconds"].sum()),
        "ended": datetime.now(UTC),
    }
    metadata = crate.describe(folder, described, made, facts)
    with written_whole(written.crate) as temporary:
        temporary.write_text(json.dumps(metadata, indent=2) + "\n")
