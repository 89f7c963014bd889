# The configuration of a study, in a form that the stages read quickly. It has been checked before
# (common.smk), so that no job runs while some of it is wrong.


rule check:
    input:
        protocol="config/studies/{study}.yaml",
        published=lambda wildcards: printed(wildcards.study),
        curves=lambda wildcards: digitised(wildcards.study),
        code=code("check"),
    output:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
    log:
        "logs/{study}/check.log",
    priority: priority("check")
    conda:
        "../../environment.yml"
    params:
        published=lambda wildcards, input: [
            word for name in input.published for word in ("--published", name)
        ],
    message:
        "Reading the configuration of {wildcards.study}"
    shell:
        "python workflow/scripts/check.py"
        " --protocol {input.protocol:q} {params.published:q}"
        " --checked-protocol {output.protocol:q} --checked-published {output.published:q}"
        " > {log:q} 2>&1"
