# How far the datasets that agree with the printed figures differ in everything else.


# Datasets at the ends, which a sample does not reach; identified sets are read off both.
rule push:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        begun=lambda wildcards: (
            []
            if pushing_chunks(wildcards) == 1
            else part_file("push-begun", wildcards.study, 0, 1, ".npz")
        ),
        passes=lambda wildcards: passes_before(wildcards, PASSES),
        code=code("push"),
    output:
        extremes="results/{study}/reconstruction/extremes.parquet",
        sought="results/{study}/reconstruction/sought.csv",
        sensitivity="results/{study}/sensitivity_prior.csv",
        diversity="results/{study}/reconstruction/diversity.csv",
    log:
        "logs/{study}/push.log",
    priority: priority("push")
    conda:
        "../../environment.yml"
    params:
        steps=options_of_passes,
    message:
        "Seeking the ends of what the printed figures of {wildcards.study} leave open"
    shell:
        "python workflow/scripts/push.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        " --extremes {output.extremes:q} --sought {output.sought:q}"
        " --sensitivity {output.sensitivity:q} --diversity {output.diversity:q}"
        f" --seed {SEED} --effort {EFFORT}"
        " {params.steps:q}"
        " > {log:q} 2>&1"


rule push_begin:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        code=code("push"),
    output:
        begun=temp(part_file("push-begun", part=0, of=1, ending=".npz")),
    log:
        "logs/{study}/push_begin.log",
    priority: priority("push")
    conda:
        "../../environment.yml"
    message:
        "Beginning to seek the ends of what the printed figures of {wildcards.study} leave open"
    shell:
        "python workflow/scripts/push.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        f" --seed {SEED} --effort {EFFORT}"
        " --to {output.begun:q}"
        " > {log:q} 2>&1"


# Every part of a pass starts from what all parts of the pass before it met.
rule push_part:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        begun=part_file("push-begun", part=0, of=1, ending=".npz"),
        passes=lambda wildcards: passes_before(wildcards, int(wildcards.turn)),
        code=code("push"),
    output:
        part=temp(part_file("push-{turn}", ending=".npz")),
    log:
        "logs/{study}/push_part_{turn}_{part}_of_{of}.log",
    priority: priority("push")
    conda:
        "../../environment.yml"
    params:
        steps=options_of_passes,
    message:
        "Seeking ends of {wildcards.study}, pass {wildcards.turn}, part {wildcards.part} of {wildcards.of} (from 0)"
    shell:
        "python workflow/scripts/push.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        f" --seed {SEED} --effort {EFFORT}"
        " {params.steps:q}"
        " --part {wildcards.part} --of {wildcards.of}"
        " --to {output.part:q}"
        " > {log:q} 2>&1"


rule identify:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        extremes="results/{study}/reconstruction/extremes.parquet",
        sought="results/{study}/reconstruction/sought.csv",
        parts=part_files("identify"),
        code=code("identify"),
    output:
        identified="results/{study}/identified.csv",
        envelopes="results/{study}/envelopes.csv",
        adjusted="results/{study}/identified_adjusted.csv",
        precision="results/{study}/precision.csv",
        by_hypothesis="results/{study}/identified_by_hypothesis.csv",
    log:
        "logs/{study}/identify.log",
    priority: priority("identify")
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
        " --extremes {input.extremes:q} --sought {input.sought:q}"
        " --identified {output.identified:q} --envelopes {output.envelopes:q}"
        " --adjusted {output.adjusted:q} --precision {output.precision:q}"
        " --by-hypothesis {output.by_hypothesis:q}"
        " {params.parts:q}"
        " > {log:q} 2>&1"


rule identify_part:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        questions="config/synthesis.yaml",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        extremes="results/{study}/reconstruction/extremes.parquet",
        sought="results/{study}/reconstruction/sought.csv",
        code=code("identify"),
    output:
        part=temp(part_file("identify")),
    log:
        "logs/{study}/identify_part_{part}_of_{of}.log",
    priority: priority("identify")
    conda:
        "../../environment.yml"
    message:
        "Bounding a part of {wildcards.study}, {wildcards.part} of {wildcards.of} (from 0)"
    shell:
        "python workflow/scripts/identify.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --questions {input.questions:q}"
        " --ensemble {input.ensemble:q} --targets {input.targets:q}"
        " --extremes {input.extremes:q} --sought {input.sought:q}"
        " --part {wildcards.part} --of {wildcards.of}"
        " --to {output.part:q}"
        " > {log:q} 2>&1"
