# Datasets rebuilt from the printed figures of a study whose patients nobody published: by one job, or,
# with `chunks` in the settings, by one that decides, several that build, and one that gathers.


rule reconstruct:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        scheme=lambda wildcards: (
            []
            if rebuilding_chunks(wildcards) == 1
            else part_file("scheme", wildcards.study, 0, 1, ".json")
        ),
        parts=part_files("reconstruct", rebuilding_chunks),
        code=code("reconstruct"),
    output:
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        hypotheses="results/{study}/reconstruction/hypotheses.csv",
        conflicts="results/{study}/reconstruction/conflicts.csv",
    log:
        "logs/{study}/reconstruct.log",
    priority: priority("reconstruct")
    conda:
        "../../environment.yml"
    params:
        parts=lambda wildcards, input: (
            ["--scheme", input.scheme, "--parts", *input.parts] if input.parts else []
        ),
    message:
        f"Rebuilding {MEMBERS} datasets from the printed figures of {{wildcards.study}}"
    shell:
        "python workflow/scripts/reconstruct.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        f" --members {MEMBERS} --seed {SEED}"
        " --ensemble {output.ensemble:q} --targets {output.targets:q}"
        " --hypotheses {output.hypotheses:q} --conflicts {output.conflicts:q}"
        " {params.parts:q}"
        " > {log:q} 2>&1"


rule reconstruct_scheme:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        code=code("reconstruct"),
    output:
        scheme=temp(part_file("scheme", part=0, of=1, ending=".json")),
    log:
        "logs/{study}/reconstruct_scheme.log",
    priority: priority("reconstruct")
    conda:
        "../../environment.yml"
    message:
        "Deciding which printed figures of {wildcards.study} can hold together"
    shell:
        "python workflow/scripts/reconstruct.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        f" --members {MEMBERS} --seed {SEED}"
        " --scheme {output.scheme:q}"
        " > {log:q} 2>&1"


rule reconstruct_part:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        scheme=part_file("scheme", part=0, of=1, ending=".json"),
        code=code("reconstruct"),
    output:
        part=temp(part_file("reconstruct")),
    log:
        "logs/{study}/reconstruct_part_{part}_of_{of}.log",
    priority: priority("reconstruct")
    conda:
        "../../environment.yml"
    message:
        "Rebuilding datasets of {wildcards.study}, part {wildcards.part} of {wildcards.of} (from 0)"
    shell:
        "python workflow/scripts/reconstruct.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        f" --members {MEMBERS} --seed {SEED}"
        " --scheme {input.scheme:q}"
        " --part {wildcards.part} --of {wildcards.of}"
        " --to {output.part:q}"
        " > {log:q} 2>&1"


# One of the datasets as the study's own source would hold it, in the format that its protocol names
# (a REDCap project has its data dictionary beside it). Whatever reads a registry reads this.
rule export:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        code=code("export"),
    output:
        export="results/{study}/reconstruction/export.{ending}",
    log:
        "logs/{study}/export.{ending}.log",
    wildcard_constraints:
        ending="csv|xlsx|sav|dta|parquet",
    priority: priority("cohort")
    conda:
        "../../environment.yml"
    message:
        "Writing a rebuilt dataset of {wildcards.study} as its source"
    shell:
        "python workflow/scripts/export.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --ensemble {input.ensemble:q} --export {output.export:q}"
        f" --seed {SEED}"
        " > {log:q} 2>&1"


rule export_dictionary:
    input:
        protocol="results/{study}/protocol.json",
        code=code("export_dictionary"),
    output:
        dictionary="results/{study}/reconstruction/dictionary.csv",
    log:
        "logs/{study}/export_dictionary.log",
    priority: priority("cohort")
    conda:
        "../../environment.yml"
    message:
        "Writing the data dictionary of {wildcards.study}"
    shell:
        "python workflow/scripts/export_dictionary.py"
        " --protocol {input.protocol:q} --dictionary {output.dictionary:q}"
        " > {log:q} 2>&1"
