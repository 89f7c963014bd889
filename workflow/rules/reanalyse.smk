# Beside each analysis of the paper the one that is recommended today.


rule reanalyse:
    input:
        protocol="results/{study}/protocol.json",
        patients=datasets,
        parts=part_files("reanalyse", ending=""),
        code=code("reanalyse"),
    output:
        reanalysis="results/{study}/reanalysis.csv",
        curves="results/{study}/reanalysis_curves.csv",
        conclusions="results/{study}/reanalysis_conclusions.csv",
    log:
        "logs/{study}/reanalyse.log",
    priority: priority("analyse")
    conda:
        "../../environment.yml"
    params:
        patients=lambda wildcards, input: options(input.patients),
        parts=lambda wildcards, input: options_of_parts(input.parts),
    message:
        "Analysing {wildcards.study} as is recommended today"
    shell:
        "python workflow/scripts/reanalyse.py"
        " --protocol {input.protocol:q} {params.patients:q}"
        " --reanalysis {output.reanalysis:q} --curves {output.curves:q}"
        " --conclusions {output.conclusions:q}"
        " {params.parts:q}"
        " > {log:q} 2>&1"


rule reanalyse_part:
    input:
        protocol="results/{study}/protocol.json",
        patients=datasets,
        code=code("reanalyse"),
    output:
        part=temp(directory(part_file("reanalyse", ending=""))),
    log:
        "logs/{study}/reanalyse_part_{part}_of_{of}.log",
    priority: priority("analyse")
    conda:
        "../../environment.yml"
    params:
        patients=lambda wildcards, input: options(input.patients),
    message:
        "Analysing a part of {wildcards.study} as is recommended today, {wildcards.part} of {wildcards.of} (from 0)"
    shell:
        "python workflow/scripts/reanalyse.py"
        " --protocol {input.protocol:q} {params.patients:q}"
        " --part {wildcards.part} --of {wildcards.of}"
        " --to {output.part:q}"
        " > {log:q} 2>&1"
