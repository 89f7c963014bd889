# Printed figures held against each other.


rule audit:
    input:
        protocol="results/{study}/protocol.json",
        published="results/{study}/published.json",
        code=code("audit"),
    output:
        audit="results/{study}/audit.csv",
    log:
        "logs/{study}/audit.log",
    priority: priority("analyse")
    conda:
        "../../environment.yml"
    message:
        "Auditing the printed figures of {wildcards.study}"
    shell:
        "python workflow/scripts/audit.py"
        " --protocol {input.protocol:q} --published {input.published:q}"
        " --audit {output.audit:q}"
        " > {log:q} 2>&1"
