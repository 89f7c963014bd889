# A registry's export against the earlier ones. What is kept of each export lies beside the results, in
# history/<study>/<day of the export>, so that `make clean` leaves it; docs/decisions/history.md.


rule history:
    input:
        protocol="results/{study}/protocol.json",
        clean="results/{study}/clean.parquet",
        cohort="results/{study}/cohort.parquet",
        estimates="results/{study}/estimates.csv",
        earlier=earlier_versions,
        code=code("history"),
    output:
        updates="results/{study}/updates.csv",
        history="results/{study}/history.csv",
    log:
        "logs/{study}/history.log",
    conda:
        "../../environment.yml"
    params:
        earlier=lambda wildcards, input: sorted(
            {str(Path(name).parent) for name in input.earlier}
        ),
        record=lambda wildcards: version_folder(wildcards.study),
    message:
        "Holding the export of {wildcards.study} against earlier ones"
    shell:
        "python workflow/scripts/history.py"
        " --protocol {input.protocol:q} --clean {input.clean:q}"
        " --cohort {input.cohort:q} --estimates {input.estimates:q}"
        f"{KEY}"
        " --earlier {params.earlier:q} --record {params.record:q}"
        " --updates {output.updates:q} --history {output.history:q}"
        " > {log:q} 2>&1"


# The results of a registry in the form in which they may be shared, under the rule of disclosure. What
# each release told is kept beside the results too, so that the next one is held against it.
rule release:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        estimates="results/{study}/estimates.csv",
        curves="results/{study}/curves.csv",
        flow="results/{study}/flow.csv",
        cohort="results/{study}/cohort.parquet",
        earlier=earlier_releases,
        configuration=lambda wildcards: [
            f"config/studies/{wildcards.study}.yaml",
            *printed(wildcards.study),
        ],
        references="config/references.bib",
        project="pyproject.toml",
        code=code("release"),
    output:
        released=directory("results/{study}/release"),
    log:
        "logs/{study}/release.log",
    conda:
        "../../environment.yml"
    params:
        earlier=lambda wildcards, input: sorted(
            {str(Path(name).parent) for name in input.earlier}
        ),
        record=lambda wildcards: f"{version_folder(wildcards.study)}/release",
    message:
        "Writing what may be shared of {wildcards.study}"
    shell:
        "python workflow/scripts/release.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --estimates {input.estimates:q} --curves {input.curves:q} --flow {input.flow:q}"
        " --cohort {input.cohort:q}"
        " --references {input.references:q} --project {input.project:q}"
        " --read {input.configuration:q}"
        f" {RULE}"
        " --earlier {params.earlier:q} --record {params.record:q}"
        " --released {output.released:q}"
        " > {log:q} 2>&1"
