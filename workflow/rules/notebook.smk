# The study told step by step, from its result files.


rule notebook:
    input:
        notebook="notebooks/study.py",
        template="notebooks/page.html.j2",
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        audit="results/{study}/audit.csv",
        rejected="results/{study}/rejected.csv",
        flow="results/{study}/flow.csv",
        estimates="results/{study}/estimates.csv",
        curves="results/{study}/curves.csv",
        comparison="results/{study}/comparison.csv",
        reconstructed=if_reconstructed("identified.csv", "envelopes.csv"),
        code=code("notebook"),
    output:
        executed="results/{study}/notebook.ipynb",
        page="results/{study}/notebook.html",
    log:
        "logs/{study}/notebook.log",
    conda:
        "../../environment.yml"
    message:
        "Running the notebook of {wildcards.study}"
    shell:
        "python workflow/scripts/notebook.py --study {wildcards.study}"
        " --notebook {input.notebook:q} --template {input.template:q}"
        " --executed {output.executed:q} --page {output.page:q}"
        " > {log:q} 2>&1"
