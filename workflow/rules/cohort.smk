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
    priority: priority("cohort")
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


# The page for who mends a registry's data. It needs nothing of the analyses, so that it is there even
# where the data are too bad for them. A rebuilt source says nothing about anybody's records.
rule data_quality:
    input:
        protocol="results/{study}/protocol.json",
        source="results/{study}/source.csv",
        rejected="results/{study}/rejected.csv",
        flagged="results/{study}/flagged.csv",
        quality="results/{study}/data_quality.csv",
        corrections="results/{study}/corrections.csv",
        clean="results/{study}/clean.parquet",
        code=code("data_quality"),
    output:
        page="results/{study}/data_quality.html",
    log:
        "logs/{study}/data_quality.log",
    conda:
        "../../environment.yml"
    message:
        "Writing the page on the data quality of {wildcards.study}"
    shell:
        "python workflow/scripts/data_quality.py"
        " --protocol {input.protocol:q} --source {input.source:q}"
        " --rejected {input.rejected:q} --flagged {input.flagged:q}"
        " --quality {input.quality:q} --corrections {input.corrections:q}"
        " --clean {input.clean:q} --page {output.page:q}"
        " > {log:q} 2>&1"
