# From a table of patients as it comes to the patients whom the study is about.


rule cohort:
    input:
        protocol="results/{study}/protocol.json",
        patients=patients,
        more=more_files,
        code=code("cohort"),
    output:
        source="results/{study}/source.csv",
        corrections="results/{study}/corrections.csv",
        clean="results/{study}/clean.parquet",
        rejected="results/{study}/rejected.csv",
        flagged="results/{study}/flagged.csv",
        quality="results/{study}/data_quality.csv",
        cohort="results/{study}/cohort.parquet",
        flow="results/{study}/flow.csv",
        excluded="results/{study}/excluded.csv",
        partial_dates="results/{study}/partial_dates.parquet",
    log:
        "logs/{study}/cohort.log",
    conda:
        "../../environment.yml"
    params:
        dictionary=dictionary_of,
    message:
        "Cleaning the data of {wildcards.study} and selecting its cohort"
    shell:
        "python workflow/scripts/cohort.py"
        " --protocol {input.protocol:q} --patients {input.patients:q}"
        " {params.dictionary:q}"
        f"{KEY}"
        " --source {output.source:q} --corrections {output.corrections:q}"
        " --clean {output.clean:q} --rejected {output.rejected:q}"
        " --flagged {output.flagged:q} --quality {output.quality:q}"
        " --cohort {output.cohort:q} --flow {output.flow:q}"
        " --excluded {output.excluded:q} --partial-dates {output.partial_dates:q}"
        " > {log:q} 2>&1"
