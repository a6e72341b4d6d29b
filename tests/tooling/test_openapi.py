"""openapi.yaml names exactly the calls that the tables of web-admin/ have, with their parameters
and bodies."""

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTE = re.compile(
    r'\{\s*METHOD_(\w+),\s*"([^"]+)",\s*(BODY_\w+),\s*(NULL|"[^"]*"),\s*([^,{}]+),\s*\w+\s*\}'
)


def calls_of_code(folder=ROOT / "web-admin"):
    calls = {}
    for path in sorted(folder.glob("*.c")):
        for method, at, body, query, flags in ROUTE.findall(path.read_text(encoding="utf-8")):
            names = set() if query == "NULL" else set(query.strip('"').split())
            # A chunk is bytes like a file; how many they may be is all that differs.
            body = body.replace("BODY_CHUNK", "BODY_RAW")
            calls[method.lower(), at] = (names, body, "ROUTE_OPEN" in flags)
    return calls


def calls_of_description(doc):
    calls = {}
    for at, item in doc["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "patch", "delete", "put"):
                parameters = [follow(doc, p) for p in operation.get("parameters", [])]
                names = {p["name"] for p in parameters if p["in"] == "query"}
                content = operation.get("requestBody", {}).get("content", {})
                required = operation.get("requestBody", {}).get("required", False)
                body = (
                    "BODY_NONE" if not content
                    else "BODY_RAW" if "application/json" not in content
                    else "BODY_JSON" if required
                    else "BODY_JSON_OPTIONAL"
                )  # fmt: skip
                calls[method, at] = (names, body, operation.get("security") == [])
    return calls


def follow(doc, node):
    if "$ref" in node:
        for step in node["$ref"].removeprefix("#/").split("/"):
            doc = doc[step]
        return doc
    return node


@pytest.fixture(name="doc")
def doc_():
    return yaml.safe_load((ROOT / "web-admin/openapi.yaml").read_text(encoding="utf-8"))


def test_every_call_is_described_and_nothing_else(doc):
    code, description = calls_of_code(), calls_of_description(doc)
    assert len(code) > 40
    assert set(code) - set(description) == set(), "calls that openapi.yaml does not describe"
    assert set(description) - set(code) == set(), "calls that are not there"
    for call, wanted in code.items():
        assert description[call] == wanted, call


def test_path_parameters_are_declared(doc):
    for at, item in doc["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "patch", "delete"):
                declared = {
                    p["name"]
                    for p in (follow(doc, p) for p in operation.get("parameters", []))
                    if p["in"] == "path"
                }
                assert declared == set(re.findall(r"\{(\w+)\}", at)), (method, at)


def test_references_lead_somewhere(doc):
    text = (ROOT / "web-admin/openapi.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"#/components/(\w+)/(\w+)", text))
    there = {
        (kind, name)
        for kind in ("parameters", "responses", "schemas")
        for name in doc["components"][kind]
    }
    assert used == there


def test_objects_are_closed(doc):
    def walk(node, where):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node.get("additionalProperties") is False, where
            for key, value in node.items():
                walk(value, f"{where}/{key}")
        elif isinstance(node, list):
            for i, value in enumerate(node):
                walk(value, f"{where}/{i}")

    walk(doc["components"]["schemas"], "schemas")


def test_a_missing_call_is_noticed(tmp_path):
    (tmp_path / "api_x.c").write_text(
        '{METHOD_GET, "/moon", BODY_NONE,\n "a b", 0, get_moon},', encoding="utf-8"
    )
    assert calls_of_code(tmp_path) == {("get", "/moon"): ({"a", "b"}, "BODY_NONE", False)}
