# Datasets rebuilt from the printed figures of a study whose patients nobody published.


rule reconstruct:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        code=code("reconstruct"),
    output:
        ensemble="results/{study}/reconstruction/ensemble.parquet",
        targets="results/{study}/reconstruction/targets.csv",
        hypotheses="results/{study}/reconstruction/hypotheses.csv",
        export="results/{study}/reconstruction/export.csv",
    log:
        "logs/{study}/reconstruct.log",
    conda:
        "../../environment.yml"
    params:
        members=SETTINGS.members,
        seed=SETTINGS.seed,
    message:
        "Rebuilding {params.members} datasets from the printed figures of {wildcards.study}"
    shell:
        "python workflow/scripts/reconstruct.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --members {params.members} --seed {params.seed}"
        " --ensemble {output.ensemble:q} --targets {output.targets:q}"
        " --hypotheses {output.hypotheses:q} --export {output.export:q}"
        " > {log:q} 2>&1"
