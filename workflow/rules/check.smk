# The configuration of a study: read, checked, and kept in a form that the stages read quickly.


rule check:
    input:
        protocol="config/studies/{study}.yaml",
        published="config/published/{study}.yaml",
        references="config/references.bib",
        questions="config/synthesis.yaml",
        code=code("check"),
    output:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        plan="results/{study}/plan.csv",
    log:
        "logs/{study}/check.log",
    conda:
        "../../environment.yml"
    message:
        "Checking the configuration of {wildcards.study}"
    shell:
        "python workflow/scripts/check.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --references {input.references:q} --questions {input.questions:q}"
        " --checked-protocol {output.protocol:q} --checked-published {output.published:q}"
        " --plan {output.plan:q}"
        " > {log:q} 2>&1"
