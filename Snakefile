# Resarc: from printed figures or a registry to reports, one stage after the other.
#
# `make` runs this; so does plain `snakemake` in the environment. What is computed is set in
# config/config.yaml. Each stage is a rule in workflow/rules, and a command line of the same name
# in workflow/scripts.
from snakemake.utils import min_version

min_version("9.27.1")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/reconstruct.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/identify.smk"
include: "workflow/rules/reanalyse.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/history.smk"
include: "workflow/rules/notebook.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manifest.smk"


# So short that sending them to another machine takes longer than they do.
localrules:
    all,
    check,
    export_dictionary,
    synthesis,
    combined_report,
    manifest,


rule all:
    default_target: True
    input:
        expand("results/{study}/report.html", study=STUDIES),
        expand("results/{study}/notebook.html", study=STUDIES),
        expand("results/{study}/release", study=REGISTRIES),
        expand("results/{study}/data_quality.html", study=REGISTRIES),
        "results/report/index.html",
        "results/manifest.json",


onstart:
    jobs = [
        (job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()
    ]
    # Snakemake limits how many jobs begin in a second. To keep to that it looks through the inputs of all
    # jobs that are ready once a second, and for each job that has ended once a second more: a tenth of a
    # long run. On one machine its cores are limit enough.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
    if SCREEN:
        SCREEN.plan(jobs)
    if RUNS and SEARCHES & {name for name, _ in jobs}:
        compile_searches()


onsuccess:
    print(SCREEN.closing(STUDIES) if SCREEN else "", WHERE_THE_REPORTS_ARE, sep="\n")


onerror:
    if SCREEN:
        print(SCREEN.stopped(), file=sys.stderr)
