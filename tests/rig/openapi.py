"""Holds answers against web-admin/openapi.yaml: a path, method, status or content type that is
not described there is as wrong as a body that does not fit its schema."""

import functools
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete", "head")


class Undescribed(AssertionError):
    pass


class Description:
    def __init__(self, path=ROOT / "web-admin/openapi.yaml"):
        # BaseLoader would turn numbers into text; the safe one makes dates of nothing here.
        self.doc = yaml.safe_load(pathlib.Path(path).read_text())
        assert str(self.doc["openapi"]).startswith("3.1"), "JSON Schema 2020-12 needs OpenAPI 3.1"
        self.resolver = jsonschema.RefResolver.from_schema(self.doc)
        servers = [s["url"].rstrip("/") for s in self.doc.get("servers", [{"url": ""}])]
        self.operations = []
        for path_text, item in self.doc["paths"].items():
            item = self.follow(item)
            bases = [s["url"].rstrip("/") for s in item.get("servers", [])] or servers
            pattern = re.compile(
                "(?:" + "|".join(re.escape(re.sub(r"^https?://[^/]+", "", b)) for b in bases) + ")"
                + re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(path_text))
            )  # fmt: skip
            for method in METHODS:
                if method in item:
                    operation = self.follow(item[method])
                    parameters = item.get("parameters", []) + operation.get("parameters", [])
                    self.operations.append(
                        Operation(self, method, path_text, bases[0], pattern, operation,
                                  [self.follow(p) for p in parameters])
                    )  # fmt: skip

    def follow(self, node):
        while isinstance(node, dict) and "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def find(self, method, path):
        # A path without variables goes before one with, as OpenAPI says.
        for operation in sorted(self.operations, key=lambda o: o.path.count("{")):
            if operation.method == method.lower() and operation.pattern.fullmatch(path):
                return operation
        raise Undescribed(f"{method} {path} is not in openapi.yaml")

    def check(self, method, path, status, content_type, body):
        operation = self.find(method, path)
        where = f"{method} {operation.path} -> {status}"
        answers = operation.spec["responses"]
        answer = answers.get(str(status), answers.get(status, answers.get("default")))
        if answer is None:
            raise Undescribed(f"{where}: this status is not in openapi.yaml")
        content = self.follow(answer).get("content")
        if not content:
            assert not body, f"{where}: has a body, and none is described: {body[:200]!r}"
            return
        kind = (content_type or "").split(";")[0].strip().lower()
        if kind not in content:
            raise Undescribed(f"{where}: content type '{kind}', described: {list(content)}")
        schema = content[kind].get("schema")
        if schema is not None and kind.endswith("json"):
            self.validate(json.loads(body.decode("utf-8")), schema, where)

    def validate(self, value, schema, where):
        validator = jsonschema.Draft202012Validator(
            schema, resolver=self.resolver, format_checker=formats()
        )
        errors = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.path)))
        if errors:
            lines = [f"  at /{'/'.join(map(str, e.path))}: {e.message[:300]}" for e in errors]
            raise AssertionError(f"{where} does not fit openapi.yaml:\n" + "\n".join(lines[:5]))


class Operation:
    def __init__(self, description, method, path, base, pattern, spec, parameters):
        self.description = description
        self.method = method
        self.path = path
        self.base = base
        self.pattern = pattern
        self.spec = spec
        self.parameters = parameters

    def __repr__(self):
        return f"{self.method.upper()} {self.path}"

    @property
    def body(self):
        """{content type: schema} of the request, schemas followed to the first real one."""
        request = self.description.follow(self.spec.get("requestBody", {}))
        return {k: self.description.follow(v.get("schema", {}))
                for k, v in request.get("content", {}).items()}  # fmt: skip

    @property
    def statuses(self):
        return {str(s) for s in self.spec["responses"]}


@functools.lru_cache(None)
def formats():
    checker = jsonschema.FormatChecker()

    @checker.checks("date-time")
    def date_time(value):
        return not isinstance(value, str) or bool(
            re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value
            )
        )

    return checker


@functools.lru_cache(None)
def description():
    return Description()
