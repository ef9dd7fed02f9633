# Where the files of this workflow are: WORKFLOW, the folder above this one. It is that of a checkout, also
# if another workflow uses the checkout as a module or through a link. From a git repository that a module
# names, as `github(...)` does, Snakemake reads single files. Rules and jobs also need the package and its
# data, so the files of the commit are written into the working directory.
import os
import tarfile
import tempfile
from pathlib import Path

from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def exported(source):
    """Return the folder with the files of the commit that a source file in a git repository is of.

    The same commit is written once, and all files have its time, so that nothing is made again.
    """
    from git import Repo  # takes a quarter of a second, which a checkout saves

    if isinstance(source, HostingProviderFile):
        repository = source.hosted_repo.repo
    else:
        repository = Repo(source.repo_path)
    commit = repository.commit(source.ref).hexsha
    folder = Path(".snakemake", "transfer-gain", commit).absolute()
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive, files = Path(temporary, "archive"), Path(temporary, "files")
        with archive.open("wb") as stream:
            repository.archive(
                stream,
                commit,
                path=["Snakefile", "workflow", "CITATION.cff", ".git-archival.txt"],
            )
        with tarfile.open(archive) as opened:
            # Pythons from before 3.11.4 have no filter.
            opened.extraction_filter = getattr(tarfile, "data_filter", None)
            opened.extractall(files)
        try:
            files.rename(folder)
        except OSError:  # another process was faster
            if not folder.exists():
                raise
    return folder


HERE = workflow.current_basedir
if isinstance(HERE, LocalSourceFile):
    WORKFLOW = Path(HERE).resolve().parent
elif isinstance(HERE, (HostingProviderFile, LocalGitFile)):
    WORKFLOW = exported(HERE) / "workflow"
else:
    raise WorkflowError(
        f"the workflow is read from {HERE}, allowed: the Snakefile of a checkout, github(...) or gitlab(...)"
    )
