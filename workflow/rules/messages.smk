# Before a run: print the plan and speed up Snakemake. After it: print the answer, or where to look.


def progress_bars():
    """Return the log handlers that show the run's progress; only `make` installs one."""
    handlers = workflow.logger_manager.get_log_handlers()
    return [handler for handler in handlers if hasattr(handler, "expect")]


onstart:
    messages.note_interruption()
    if Path(paths.results).exists() and not os.access(paths.results, os.W_OK):
        raise WorkflowError(
            f"{paths.results}: found a read-only folder, expected a writable one"
        )
    if LEFT_OUT:
        print(
            optional_backbones.describe(LEFT_OUT, Path(paths.weights_host)),
            file=sys.stderr,
        )
    planned = {workflow.dag.jobid(job): job for job in workflow.dag.needrun_jobs()}
    jobs = {
        number: (job.rule.name, images_seen(job.rule.name, job.wildcards))
        for number, job in planned.items()
    }
    # On a cluster, `nodes` limits the number of parallel jobs; `cores` is what one node has.
    told = workflow.resource_settings
    cores = told.cores if workflow.local_exec else min(told.nodes or 1, len(jobs))
    costs = costs_here()
    print(plan.describe(jobs.values(), cores, costs), file=sys.stderr, flush=True)
    # Snakemake limits job starts to 100 per second by default. To do so, it checks all files of all
    # waiting jobs once a second for each started job: hundreds of times near the end. A limit set by
    # the user is kept.
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    # Cluster nodes cannot reach a launcher, and cluster jobs must not run in a local one.
    if workflow.local_exec and len(jobs) >= launcher.WORTHWHILE_JOBS:
        launcher.start(paths.log(f"{paths.results}/launcher"))
    for bar in progress_bars():
        bar.expect(
            {number: plan.seconds([job], costs) for number, job in jobs.items()},
            cores,
            {
                number: job.output[0]
                for number, job in planned.items()
                if job.rule.name == "write_first_answer"
            },
        )


onsuccess:
    for bar in progress_bars():
        bar.end()
    # Only a run that made the report has an answer; --touch makes none.
    aimed = any(stored(paths.report) in job.output for job in workflow.dag.jobs)
    if aimed and (answer := STORE.text(paths.answer)):
        print(messages.wrapped(answer, sys.stdout), end="")


onerror:
    for bar in progress_bars():
        bar.end()
    if messages.interrupted():
        print("Stopped. Run the same command to resume.", file=sys.stderr)
    else:
        print(
            f"A job failed, see above. Logs are in {paths.results}/logs/; logs of downloads are in "
            "resources/logs/. Fix the problem, then run the same command to resume.",
            file=sys.stderr,
        )
