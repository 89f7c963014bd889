# How far the datasets that agree with the printed figures differ in everything else.


rule identify:
    input:
        protocol="results/{study}/protocol.json",
        plan="results/{study}/plan.csv",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        code=code("identify"),
    output:
        identified="results/{study}/identified.csv",
        envelopes="results/{study}/envelopes.csv",
    log:
        "logs/{study}/identify.log",
    conda:
        "../../environment.yml"
    message:
        "Bounding what the printed figures of {wildcards.study} leave open"
    shell:
        "python workflow/scripts/identify.py"
        " --protocol {input.protocol:q} --plan {input.plan:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        " --identified {output.identified:q} --envelopes {output.envelopes:q}"
        " > {log:q} 2>&1"
