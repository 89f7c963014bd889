# How far the datasets that agree with the printed figures differ in everything else.


rule identify:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        parts=part_files("identify", CHUNKS),
        code=code("identify"),
    output:
        identified="results/{study}/identified.csv",
        envelopes="results/{study}/envelopes.csv",
        adjusted="results/{study}/identified_adjusted.csv",
        precision="results/{study}/precision.csv",
    log:
        "logs/{study}/identify.log",
    priority: 10
    conda:
        "../../environment.yml"
    params:
        parts=lambda wildcards, input: options_of_parts(input.parts),
    message:
        "Bounding what the printed figures of {wildcards.study} leave open"
    shell:
        "python workflow/scripts/identify.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        " --identified {output.identified:q} --envelopes {output.envelopes:q}"
        " --adjusted {output.adjusted:q} --precision {output.precision:q}"
        " {params.parts:q}"
        " > {log:q} 2>&1"


rule identify_part:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        code=code("identify"),
    output:
        part=temp(part_file("identify")),
    log:
        "logs/{study}/identify_part_{part}.log",
    priority: 10
    conda:
        "../../environment.yml"
    message:
        f"Bounding a part of {{wildcards.study}}, {{wildcards.part}} of {CHUNKS} (from 0)"
    shell:
        "python workflow/scripts/identify.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        f" --part {{wildcards.part}} --of {CHUNKS}"
        " --to {output.part:q}"
        " > {log:q} 2>&1"
