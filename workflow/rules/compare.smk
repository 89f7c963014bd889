# Each printed figure beside what was found.


rule compare:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        estimates="results/{study}/estimates.csv",
        reconstructed=if_reconstructed("identified.csv", "reconstruction/targets.csv"),
        code=code("compare"),
    output:
        comparison="results/{study}/comparison.csv",
    log:
        "logs/{study}/compare.log",
    priority: priority("compare")
    conda:
        "../../environment.yml"
    params:
        reconstructed=lambda wildcards, input: options(input.reconstructed),
    message:
        "Comparing {wildcards.study} with its paper"
    shell:
        "python workflow/scripts/compare.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --estimates {input.estimates:q} {params.reconstructed:q}"
        " --comparison {output.comparison:q}"
        " > {log:q} 2>&1"
