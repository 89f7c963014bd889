# What was made, from what, by what: a digest of every file.


rule manifest:
    input:
        unpack(all_results),
        configuration=expand(
            "config/{folder}/{study}.yaml",
            folder=["studies", "published"],
            study=STUDIES,
        ),
        shared=["config/references.bib", "config/synthesis.yaml"],
        sources=[file for source in SOURCES.values() for file in source.files],
        project="pyproject.toml",
        code=lambda wildcards: code_of_all("manifest"),
    output:
        manifest="results/manifest.json",
    log:
        "logs/manifest.log",
    conda:
        "../../environment.yml"
    params:
        made=lambda wildcards: [
            word
            for stage, files in all_results(wildcards).items()
            for word in ("--made", stage, *files)
        ],
        studies=STUDIES,
        members=SETTINGS.members,
        seed=SETTINGS.seed,
    message:
        "Listing every result with its digest"
    shell:
        "python workflow/scripts/manifest.py"
        " --project {input.project:q}"
        " --members {params.members} --seed {params.seed} --studies {params.studies:q}"
        " --read {input.configuration:q} {input.shared:q} {input.sources:q}"
        " {params.made:q} --records .snakemake/metadata --manifest {output.manifest:q}"
        " > {log:q} 2>&1"
