# Around a run. Before: what will be done, and what helps Snakemake to do it fast; after: the answer, or
# where to look.


def progress_bars():
    """Return what shows the run's progress instead of Snakemake's lines: make's, or none."""
    handlers = workflow.logger_manager.get_log_handlers()
    return [handler for handler in handlers if hasattr(handler, "expect")]


onstart:
    messages.note_interruption()
    if Path(paths.results).exists() and not os.access(paths.results, os.W_OK):
        raise WorkflowError(
            f"{paths.results}: found a folder that may not be written, expected one that may"
        )
    jobs = {
        workflow.dag.jobid(job): (
            job.rule.name,
            images_seen(job.rule.name, job.wildcards),
        )
        for job in workflow.dag.needrun_jobs()
    }
    # A cluster is told how many jobs may run side by side, and `cores` is what one node has.
    told = workflow.resource_settings
    cores = told.cores if workflow.local_exec else min(told.nodes or 1, len(jobs))
    print(plan.describe(jobs.values(), cores), file=sys.stderr, flush=True)
    # So that no more than 100 jobs start in a second, Snakemake would, for each that has started,
    # look once a second at all files of all that wait: at last hundreds of times. A limit of the
    # user's is kept.
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    # Elsewhere there is none to ask, and here none should run what a cluster has reckoned with.
    if workflow.local_exec and len(jobs) >= launcher.WORTHWHILE_JOBS:
        launcher.start(paths.log(f"{paths.results}/launcher"))
    for bar in progress_bars():
        bar.expect(
            {number: plan.seconds([job]) for number, job in jobs.items()},
            cores,
        )


onsuccess:
    for bar in progress_bars():
        bar.end()
    # Only a run whose goal was the report has its answer; --touch makes none.
    aimed = any(paths.report in job.output for job in workflow.dag.jobs)
    if aimed and Path(paths.answer).exists():
        print(messages.wrapped(Path(paths.answer).read_text()), end="")


onerror:
    for bar in progress_bars():
        bar.end()
    if messages.interrupted():
        print("Stopped. The same command goes on from here.", file=sys.stderr)
    else:
        print(
            f"Something failed, see above; logs are under {paths.results}/logs/, those of downloads "
            "under resources/logs/. Once it is mended, the same command goes on from here.",
            file=sys.stderr,
        )
