# What was made, from what, by what: a digest of every file.


rule manifest:
    input:
        unpack(all_results),
        configuration=[
            *expand("config/studies/{study}.yaml", study=STUDIES),
            *(file for study in STUDIES for file in printed(study)),
        ],
        shared=[
            "config/references.bib",
            "config/synthesis.yaml",
            "config/evidence.yaml",
        ],
        sources=[file for each in PATIENTS.values() for file in each.files],
        project="pyproject.toml",
        code=lambda wildcards: code_of_all("manifest"),
    output:
        manifest="results/manifest.json",
    log:
        "logs/manifest.log",
    conda:
        "../../environment.yml"
    params:
        made=lambda wildcards, input: [
            word
            for stage, files in all_results(wildcards).items()
            for word in ("--made", stage, *files)
        ],
    message:
        "Listing every result with its digest"
    shell:
        "python workflow/scripts/manifest.py"
        " --project {input.project:q}"
        f" --members {MEMBERS} --seed {SEED} --effort {EFFORT} --studies {' '.join(STUDIES)}"
        " --read {input.configuration:q} {input.shared:q} {input.sources:q}"
        " {params.made:q} --records .snakemake/metadata --manifest {output.manifest:q}"
        " > {log:q} 2>&1"
