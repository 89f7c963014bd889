# Every analysis of the study, and every figure that its paper prints, in the cohort.


rule analyse:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        cohort="results/{study}/cohort.parquet",
        flow="results/{study}/flow.csv",
        partial_dates="results/{study}/partial_dates.parquet",
        reconstructed=if_reconstructed("reconstruction/targets.csv"),
        code=code("analyse"),
    output:
        estimates="results/{study}/estimates.csv",
        curves="results/{study}/curves.csv",
        adjusted="results/{study}/adjusted.csv",
        sensitivity="results/{study}/sensitivity.csv",
    log:
        "logs/{study}/analyse.log",
    priority: priority("analyse")
    conda:
        "../../environment.yml"
    params:
        reconstructed=lambda wildcards, input: options(input.reconstructed),
    message:
        "Analysing {wildcards.study}"
    shell:
        "python workflow/scripts/analyse.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --cohort {input.cohort:q} --flow {input.flow:q} {params.reconstructed:q}"
        " --partial-dates {input.partial_dates:q} --sensitivity {output.sensitivity:q}"
        " --estimates {output.estimates:q} --curves {output.curves:q}"
        " --adjusted {output.adjusted:q}"
        " > {log:q} 2>&1"
