# Reports: of each study, and over all of them. They select and order; every number in them stands in
# a result file.


rule study_report:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        audit="results/{study}/audit.csv",
        flow="results/{study}/flow.csv",
        rejected="results/{study}/rejected.csv",
        quality="results/{study}/data_quality.csv",
        estimates="results/{study}/estimates.csv",
        adjusted="results/{study}/adjusted.csv",
        curves="results/{study}/curves.csv",
        comparison="results/{study}/comparison.csv",
        reanalysis=[
            "results/{study}/reanalysis.csv",
            "results/{study}/reanalysis_curves.csv",
            "results/{study}/reanalysis_conclusions.csv",
        ],
        reconstructed=if_reconstructed(
            "identified.csv",
            "identified_adjusted.csv",
            "identified_by_hypothesis.csv",
            "sensitivity_prior.csv",
            "envelopes.csv",
            "reconstruction/targets.csv",
            "reconstruction/hypotheses.csv",
            "reconstruction/conflicts.csv",
            "reconstruction/diversity.csv",
            "reconstruction/ensemble.parquet",
        ),
        configuration=lambda wildcards: [
            f"config/studies/{wildcards.study}.yaml",
            *printed(wildcards.study),
        ],
        updated=if_registry("updates.csv", "history.csv"),
        source=registry,
        project="pyproject.toml",
        references="config/references.bib",
        code=code("study_report"),
    output:
        html="results/{study}/report.html",
        pdf="results/{study}/report.pdf",
        model="results/{study}/model.json",
        figures=directory("results/{study}/figures"),
        tables=directory("results/{study}/tables"),
        word="results/{study}/manuscript/tables.docx",
        latex="results/{study}/manuscript/tables.tex",
        snippets="results/{study}/manuscript/snippets.csv",
    log:
        "logs/{study}/study_report.log",
    priority: priority("report")
    conda:
        "../../environment.yml"
    message:
        "Writing the report of {wildcards.study}"
    shell:
        "python workflow/scripts/study_report.py"
        " --results results/{wildcards.study} --references {input.references:q}"
        " --project {input.project:q}"
        f" --seed {SEED} --effort {EFFORT}"
        " --read {input.configuration:q} {input.source:q}"
        " --html {output.html:q} --pdf {output.pdf:q} --model {output.model:q}"
        " --figures {output.figures:q}"
        " --tables {output.tables:q} --word {output.word:q} --latex {output.latex:q}"
        " --snippets {output.snippets:q}"
        " > {log:q} 2>&1"


rule combined_report:
    input:
        harmonised="results/summary/harmonised.csv",
        pooled="results/summary/pooled.csv",
        left_out="results/summary/leave_one_out.csv",
        reported="results/summary/reported.csv",
        works="results/summary/evidence.csv",
        evidence_map="results/summary/evidence_map.csv",
        protocols=expand("results/{study}/protocol.json", study=STUDIES),
        models=expand("results/{study}/model.json", study=STUDIES),
        curves=expand("results/{study}/curves.csv", study=STUDIES),
        envelopes=expand("results/{study}/envelopes.csv", study=RECONSTRUCTED),
        references="config/references.bib",
        questions="config/synthesis.yaml",
        evidence="config/evidence.yaml",
        project="pyproject.toml",
        code=code("combined_report"),
    output:
        html="results/report/index.html",
        pdf="results/report/report.pdf",
        model="results/report/model.json",
        figures=directory("results/report/figures"),
    log:
        "logs/combined_report.log",
    priority: ORDER.index("compare")
    conda:
        "../../environment.yml"
    message:
        "Writing the report over all studies"
    shell:
        "python workflow/scripts/combined_report.py"
        f" --results results --studies {' '.join(STUDIES)}"
        " --harmonised {input.harmonised:q} --pooled {input.pooled:q}"
        " --left-out {input.left_out:q} --reported {input.reported:q}"
        " --works {input.works:q} --evidence-map {input.evidence_map:q}"
        " --references {input.references:q} --project {input.project:q}"
        " --read {input.references:q} {input.questions:q} {input.evidence:q}"
        " --html {output.html:q} --pdf {output.pdf:q} --model {output.model:q}"
        " --figures {output.figures:q}"
        " > {log:q} 2>&1"
