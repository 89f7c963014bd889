"""The crate is a valid Provenance Run Crate, as roc-validator sees it, without a network.

The validator brings the profiles and fetches only the two contexts that the crate names. They stand
here with the terms that the crate uses, by the definitions of
https://w3id.org/ro/crate/1.1/context and https://w3id.org/ro/terms/workflow-run/context; a term that
is not among them would be lost, and the crate with it.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resarc.archive import CRATE
from resarc.archive.crate import Facts, Withheld, crate, identifier, media_type
from resarc.jobs import Job

SCHEMA_ORG = """
    CreativeWork Dataset HowTo HowToStep Organization PropertyValue SoftwareApplication
    SoftwareSourceCode ComputerLanguage ControlAction CreateAction OrganizeAction about actionStatus
    additionalType author contentSize datePublished description encodingFormat exampleOfWork hasPart
    identifier instrument keywords license mainEntity mentions name object position
    programmingLanguage result softwareVersion step url value version workExample
"""
BIOSCHEMAS = "https://bioschemas.org/ComputationalWorkflow"
RO_CRATE = {term: f"http://schema.org/{term}" for term in SCHEMA_ORG.split()} | {
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "ComputationalWorkflow": BIOSCHEMAS,
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": f"{BIOSCHEMAS}#input",
    "output": f"{BIOSCHEMAS}#output",
}
WORKFLOW_RUN = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": RO_CRATE,
    "https://w3id.org/ro/terms/workflow-run/context": WORKFLOW_RUN,
}
NOT_FOLLOWED = {
    # Times are no part of the content; they stand in run.json.
    "The Action SHOULD have an endTime in ISO 8601 format",
    # Nobody is named who did not ask for it.
    "The Action SHOULD have an agent that is a Person or Organization",
    # Resarc has no address yet.
    "The Application SHOULD have a url",
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The organization SHOULD have a URL.",
}
"""Recommendations (SHOULD) that are not followed, each with its reason."""


@pytest.fixture(scope="module")
def graph(archive) -> list[dict[str, Any]]:
    with zipfile.ZipFile(archive) as opened:
        return json.loads(opened.read(CRATE))["@graph"]


def by_type(graph: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e for e in graph if kind in ([e["@type"]] if isinstance(e["@type"], str) else e["@type"])]  # fmt: skip


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for each in value.values():
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


@pytest.fixture(scope="module")
def validated(archive, tmp_path_factory):
    """A function: the issues that the validator finds in a crate, down to a severity."""
    services = pytest.importorskip("rocrate_validator.services")
    import requests
    import requests_cache
    from rocrate_validator.models import Severity
    from urllib3 import HTTPResponse

    folder = tmp_path_factory.mktemp("validator")
    session = requests_cache.CachedSession(str(folder / "cache"), backend="sqlite")
    for url, terms in CONTEXTS.items():
        response = requests.Response()
        response.status_code, response.url = 200, url
        response.headers["Content-Type"] = "application/ld+json"
        response._content = json.dumps({"@context": terms}).encode()
        response.raw = HTTPResponse(
            io.BytesIO(response.content),
            response.headers,
            status=200,
            request_url=url,
            preload_content=False,
        )
        response.request = requests.Request("GET", url).prepare()
        session.cache.save_response(response)
    session.close()
    # The validator takes a space in the path for a fault of the crate.
    path = folder / "archive.zip"
    path.write_bytes(archive.read_bytes())
    assert " " not in os.fspath(path)

    def validated(severity: str, crate: Path = path) -> set[str]:
        settings = services.ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier="provenance-run-crate",
            requirement_severity=Severity[severity],
            offline=True,
            cache_path=folder / "cache",
        )
        return {issue.message for issue in services.validate(settings).get_issues()}

    return validated


@pytest.mark.config
def test_it_is_a_valid_provenance_run_crate(validated):
    assert validated("REQUIRED") == set()


@pytest.mark.config
def test_it_follows_the_recommendations_but_for_those_with_a_reason(validated):
    assert validated("RECOMMENDED") == NOT_FOLLOWED


@pytest.mark.config
def test_the_validator_is_not_silent_about_a_fault(archive, validated, tmp_path):
    """Without its workflow's tools the same crate is refused."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    content = json.loads((tmp_path / CRATE).read_bytes())
    (workflow,) = by_type(content["@graph"], "ComputationalWorkflow")
    del workflow["hasPart"]
    (tmp_path / CRATE).write_text(json.dumps(content), encoding="utf-8")
    found = validated("REQUIRED", tmp_path)
    assert "ComputationalWorkflow MUST refer to orchestrated tools via hasPart" in found


@pytest.mark.config
def test_every_reference_is_described_or_outside(graph):
    described = {entity["@id"] for entity in graph}
    assert len(described) == len(graph)
    loose = {
        each
        for entity in graph
        for key, value in entity.items()
        if key != "@id"
        for each in references(value)
        if each not in described and not each.startswith("https://")
    }
    assert loose == set()


@pytest.mark.config
def test_every_job_is_an_action_with_its_tool_and_step(graph, archive):
    with zipfile.ZipFile(archive) as opened:
        jobs = json.loads(opened.read("provenance/jobs.json"))
    named = {entity["@id"]: entity for entity in graph}
    actions = [e for e in by_type(graph, "CreateAction") if e["@id"] != "#run"]
    controls = by_type(graph, "ControlAction")
    assert len(actions) == len(controls) == len(jobs)
    for control in controls:
        action, step = named[control["object"]["@id"]], named[control["instrument"]["@id"]]
        assert action["instrument"] == step["workExample"]
        assert action["description"].startswith("python workflow/scripts/")
        assert step["description"].endswith(".")
    assert by_type(graph, "OrganizeAction")[0]["result"] == {"@id": "#run"}


@pytest.mark.config
def test_the_digests_are_those_of_the_files(graph, archive):
    import hashlib
    from urllib.parse import unquote

    with zipfile.ZipFile(archive) as opened:
        for entity in by_type(graph, "File"):
            name = unquote(entity["@id"])
            if "sha256" in entity:
                content = opened.read(name)
                assert entity["sha256"] == hashlib.sha256(content).hexdigest(), name
                assert entity["contentSize"] == str(len(content))
            else:
                assert name in ("run.json", "manifest-sha256.txt")


@pytest.mark.unit
def test_a_registry_that_is_kept_back_is_told_by_its_digest_alone():
    job = Job("clean", ("data/p q.csv",), ("results/clean.csv",), (), "clean", 0.0, 1.0)
    facts = Facts(
        name="N", description="D", version="1", date="2024-01-01", licence="MIT", authors=("A", "B"),
        keywords=("k",), swhid="swh:1:dir:0", snakemake="9", settings={"seed": 1}, jobs=(job,),
        purposes={"clean": "Clean."}, scripts={"clean": "clean.py"},
        files={"results/clean.csv": (1, "a"), "sources/clean.py": (1, "b"), "sources/Snakefile": (1, "c"), "run.json": (0, "")},
        places={"results/clean.csv": "results/clean.csv"},
        withheld=(Withheld("data/p q.csv", "abc", 7, "ours"),), finals=("results/clean.csv",),
    )  # fmt: skip
    entities = {e["@id"]: e for e in json.loads(crate(facts))["@graph"]}
    kept_back = entities["#withheld-data/p%20q.csv"]
    assert kept_back["@type"] == "CreativeWork"
    assert kept_back["sha256"] == "abc"
    assert "contentSize" not in kept_back
    assert entities["#job-1"]["object"] == {"@id": "#withheld-data/p%20q.csv"}
    assert [e["@id"] for e in entities["./"]["author"]] == ["#author-1", "#author-2"]


@pytest.mark.unit
def test_identifiers_are_uris_and_types_are_named():
    assert identifier("results/a study/é.csv") == "results/a%20study/%C3%A9.csv"
    assert media_type("results/a.csv") == "text/csv"
    assert media_type("sources/Snakefile") == media_type("sources/a.smk") == "text/plain"
    assert media_type("a.unknown") == "application/octet-stream"
