# The configuration of a study, in a form that the stages read quickly. It has been checked before
# (common.smk), so that no job runs while some of it is wrong.


rule check:
    input:
        protocol="config/studies/{study}.yaml",
        published="config/published/{study}.yaml",
        code=code("check"),
    output:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
    log:
        "logs/{study}/check.log",
    conda:
        "../../environment.yml"
    message:
        "Reading the configuration of {wildcards.study}"
    shell:
        "python workflow/scripts/check.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --checked-protocol {output.protocol:q} --checked-published {output.published:q}"
        " > {log:q} 2>&1"
