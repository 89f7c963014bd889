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
