# The studies side by side, pooled where they measure the same thing.


rule synthesis:
    input:
        protocols=expand("results/{study}/protocol.json", study=STUDIES),
        comparisons=expand("results/{study}/comparison.csv", study=STUDIES),
        estimates=expand("results/{study}/estimates.csv", study=STUDIES),
        identified=expand("results/{study}/identified.csv", study=RECONSTRUCTED),
        precision=expand("results/{study}/precision.csv", study=RECONSTRUCTED),
        questions="config/synthesis.yaml",
        evidence="config/evidence.yaml",
        references="config/references.bib",
        code=code("synthesis"),
    output:
        harmonised="results/summary/harmonised.csv",
        pooled="results/summary/pooled.csv",
        left_out="results/summary/leave_one_out.csv",
        reported="results/summary/reported.csv",
        works="results/summary/evidence.csv",
        evidence_map="results/summary/evidence_map.csv",
    log:
        "logs/synthesis.log",
    priority: ORDER.index("analyse")
    conda:
        "../../environment.yml"
    message:
        "Combining the studies"
    shell:
        "python workflow/scripts/synthesis.py"
        " --results results --questions {input.questions:q}"
        " --evidence {input.evidence:q} --references {input.references:q}"
        f" --studies {' '.join(STUDIES)}"
        " --harmonised {output.harmonised:q} --pooled {output.pooled:q}"
        " --left-out {output.left_out:q} --reported {output.reported:q}"
        " --works {output.works:q} --evidence-map {output.evidence_map:q}"
        " > {log:q} 2>&1"
