# Beside each analysis of the paper the one that is recommended today.


def datasets(wildcards):
    """The patients of a registry, or all datasets rebuilt from the printed figures."""
    names = ["cohort.parquet"]
    if wildcards.study in RECONSTRUCTED:
        names = ["reconstruction/ensemble.parquet", "reconstruction/targets.csv"]
    return [f"results/{wildcards.study}/{name}" for name in names]


rule reanalyse:
    input:
        protocol="results/{study}/protocol.json",
        patients=datasets,
        code=code("reanalyse"),
    output:
        reanalysis="results/{study}/reanalysis.csv",
        curves="results/{study}/reanalysis_curves.csv",
        conclusions="results/{study}/reanalysis_conclusions.csv",
    log:
        "logs/{study}/reanalyse.log",
    conda:
        "../../environment.yml"
    params:
        patients=lambda wildcards, input: options(input.patients),
    message:
        "Analysing {wildcards.study} as is recommended today"
    shell:
        "python workflow/scripts/reanalyse.py"
        " --protocol {input.protocol:q} {params.patients:q}"
        " --reanalysis {output.reanalysis:q} --curves {output.curves:q}"
        " --conclusions {output.conclusions:q}"
        " > {log:q} 2>&1"
