"""The archive of a run: one file that a stranger can check without Resarc and re-run with it.

    manifest-sha256.txt     digest of every file below but run.json (`sha256sum -c` reads it)
    ro-crate-metadata.json  what the files are and how they were made (Workflow Run RO-Crate)
    README.md, CITATION.cff, LICENSE
    run.json                when and on what kind of machine; the one file that two archives of the
                            same run on different machines do not share
    sources/                the repository's tree, whole; its SWHID stands in the crate
    results/                every result
    inputs/                 data of registries whose protocol allows it; of others, the digest only
    provenance/jobs.json    each job: rule, command, what it read and made

The SHA-256 of manifest-sha256.txt identifies the content of an archive (`digest_of_content`).
"""

CHECKSUMS = "manifest-sha256.txt"
CRATE = "ro-crate-metadata.json"
RUN = "run.json"
README = "README.md"
JOBS = "provenance/jobs.json"
SOURCES = "sources/"
RESULTS = "results/"
INPUTS = "inputs/"
