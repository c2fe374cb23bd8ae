"""Whether an exchange is one that OpenAPI documents know: path, query, both bodies, status."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.openapi.documents import Document, documents

METHODS = ("get", "put", "post", "patch", "delete")
HOME = "urn:document:"
FORM, PARTS, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
KEY, KEYS = "developer_hapikey", ("hapikey", "appId")
# A parameter that stands for the rest of a path, slashes and all.
REST_OF_PATH = frozenset({"{path}", "{folderPath}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call and its answer, as they went over the wire. Header names are lower-case."""

    method: str
    url: str = field(repr=False)
    sent: bytes = field(default=b"", repr=False)
    sent_as: str = ""
    status: int
    told: bytes = field(default=b"", repr=False)
    told_as: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def asked(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method of one document. `keys` are what a query may prove who asks with."""

    path: str
    about: Mapping[str, Any] = field(repr=False)
    document: int
    keys: frozenset[str] = frozenset()

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))

    @property
    def surety(self) -> int:
        """How many steps it names: a word is surer than a parameter."""
        return sum(not each.startswith("{") for each in self.steps)

    def takes(self, steps: list[str]) -> bool:
        mine = self.steps
        if mine[-1] in REST_OF_PATH and len(steps) > len(mine):
            steps = [*steps[: len(mine) - 1], "/".join(steps[len(mine) - 1 :])]
        return len(steps) == len(mine) and all(
            own.startswith("{") or own == step for own, step in zip(mine, steps, strict=True)
        )

    def scopes(self) -> tuple[frozenset[str], ...]:
        """Each set of scopes that is enough; none where the document names none."""
        ways = (way.get("oauth2", ()) for way in self.about.get("security", ()))
        return tuple(frozenset(way) for way in ways if way)


@dataclass(frozen=True, slots=True)
class Judge:
    """Says what is wrong with exchanges, by the documents of a provider."""

    operations: Mapping[str, tuple[Operation, ...]] = field(repr=False)
    registry: Any = field(repr=False)

    def operation(self, method: str, path: str) -> Operation | None:
        steps = path.strip("/").split("/")
        found = [each for each in self.operations.get(method.lower(), ()) if each.takes(steps)]
        return max(found, key=lambda each: each.surety, default=None)

    def faults(self, told: Exchange) -> tuple[str, ...]:
        """Everything that the documents do not allow, each with where it is."""
        operation = self.operation(told.method, told.path)
        if operation is None:
            return (f"{told.method} {told.path}: no such operation",)
        where = f"{told.method} {operation.path}"
        found = [*self._of_query(operation, told), *self._of_request(operation, told)]
        if told.status >= 400:
            # What was refused may have been wrong: only that the refusal is a right one is judged.
            found = []
        if told.status < 500:
            found += self._of_answer(operation, told)
        return tuple(f"{where}: {each}" for each in found)

    def faults_of_answer(self, told: Exchange) -> tuple[str, ...]:
        """As above, but of an answer to a call that is right itself."""
        found = self.faults(told)
        is_right = all(": answer" in each for each in found)
        return found if is_right and self.operation(told.method, told.path) else ()

    def faults_of_part(self, value: Any, name: str, method: str, path: str) -> tuple[str, ...]:
        """What is wrong with a thing of this name, as the document of an operation describes it.

        What a provider sends by itself is in no document, but things that it tells of are.
        """
        operation = self.operation(method, path)
        if operation is None:
            return (f"{method} {path}: no such operation",)
        schema = {"$ref": f"#/components/schemas/{name}"}
        return tuple(self._wrong(value, schema, operation, name))

    def beyond(self, told: Iterable[Exchange], scopes: frozenset[str]) -> tuple[str, ...]:
        """Calls that succeeded, and that nobody may make who has these scopes alone."""
        operations = (self.operation(e.method, e.path) for e in told if e.status < 400)
        return tuple(
            f"{each.path}: takes one of {sorted(map(sorted, each.scopes()))}"
            for each in operations
            if each and each.scopes() and not any(way <= scopes for way in each.scopes())
        )

    def _of_query(self, operation: Operation, told: Exchange) -> Iterator[str]:
        known = {p["name"]: p for p in operation.about.get("parameters", ()) if p["in"] == "query"}
        asked = told.asked
        for name, value in asked:
            if name in operation.keys:
                continue
            if name not in known:
                yield f"query: {name} is not known"
            elif not self._fits(_spelt(known[name]["schema"], value), known[name]["schema"]):
                yield f"query: {name} is {value!r}"
        for name, about in known.items():
            if about.get("required") and name not in dict(asked):
                yield f"query: {name} is missing"

    def _of_request(self, operation: Operation, told: Exchange) -> Iterator[str]:
        content = operation.about.get("requestBody", {}).get("content", {})
        if not content:
            if told.sent.strip() not in {b"", b"{}"}:
                yield "request: there is a body, and none is taken"
            return
        kind = told.sent_as.partition(";")[0].strip()
        if kind not in content:
            yield f"request: is {kind or 'of no type'}, not {', '.join(content)}"
            return
        try:
            body = _body(told.sent, told.sent_as)
        except ValueError:
            yield "request: cannot be read"
            return
        yield from self._wrong(body, content[kind].get("schema", {}), operation, "request")

    def _of_answer(self, operation: Operation, told: Exchange) -> Iterator[str]:
        answers = operation.about.get("responses", {})
        about = answers.get(str(told.status))
        if about is None and told.status < 400:
            yield f"answer: {told.status} is not known, but {', '.join(answers)}"
            return
        about = self._resolved(answers.get("default", {}) if about is None else about, operation)
        schema = about.get("content", {}).get(JSON, {}).get("schema")
        if schema is None:
            if told.told.strip():
                yield f"answer: {told.status} has a body, and none is told of"
            return
        try:
            body = json.loads(told.told)
        except ValueError:
            yield f"answer: {told.status} is no JSON"
            return
        if _has_no_category(operation, told, body):
            body = {"category": "", **body}
        yield from self._wrong(body, schema, operation, f"answer {told.status}")

    def _resolved(self, about: Mapping[str, Any], operation: Operation) -> Mapping[str, Any]:
        if "$ref" not in about:
            return about
        found = self.registry.resolver(f"{HOME}{operation.document}").lookup(about["$ref"])
        resolved: Mapping[str, Any] = found.contents
        return resolved

    def _wrong(
        self, body: Any, schema: Mapping[str, Any], operation: Operation, what: str
    ) -> Iterator[str]:
        for error in self._errors(body, _at_home(schema, operation.document)):
            place = ".".join(str(step) for step in error.absolute_path) or "all of it"
            yield f"{what}: {place}: {error.message[:300]}"

    def _fits(self, value: Any, schema: Mapping[str, Any]) -> bool:
        return not list(self._errors(value, schema))

    def _errors(self, value: Any, schema: Any) -> Iterable[Any]:
        validator = OAS30Validator(
            schema, registry=self.registry, format_checker=oas30_format_checker
        )
        for error in validator.iter_errors(value):
            yield from _nearest(error)


def _has_no_category(operation: Operation, told: Exchange, body: Any) -> bool:
    """Whether real bodies of such a refusal lack what their schema demands."""
    if told.status < 400 or not isinstance(body, dict):
        return False
    is_unread = str(body.get("message", "")).startswith("Invalid input JSON")
    return is_unread or told.status in {429, 477} or "/oauth/" in operation.path


def _nearest(error: Any) -> Iterator[Any]:
    """Of what several schemas say about one value, what that one says which fits it best."""
    if error.validator not in {"oneOf", "anyOf"} or not error.context:
        yield error
        return
    by_schema: dict[int, list[Any]] = {}
    for each in error.context:
        by_schema.setdefault(each.relative_schema_path[0], []).append(each)
    yield from min(by_schema.values(), key=_distance)


def _distance(errors: list[Any]) -> tuple[bool, int]:
    """One whose `type` is another's is meant by nobody."""
    return (any(e.validator == "enum" for e in errors), len(errors))


def _at_home(schema: Any, document: int) -> Any:
    """The schema with references that say which document they are of."""
    if isinstance(schema, list):
        return [_at_home(each, document) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"{HOME}{document}{value}"
        if key == "$ref" and str(value).startswith("#")
        else _at_home(value, document)
        for key, value in schema.items()
    }


def _spelt(schema: Mapping[str, Any], value: str) -> Any:
    """Put a word of a query as its type has it; itself where it is no such thing."""
    match schema.get("type"):
        case "integer" if value.lstrip("-").isdecimal():
            return int(value)
        case "boolean" if value in {"true", "false"}:
            return value == "true"
        case "array":
            return [_spelt(schema.get("items", {}), each) for each in value.split(",")]
        case _:
            return value


def _body(sent: bytes, sent_as: str) -> Any:
    kind = sent_as.partition(";")[0].strip()
    if kind == FORM:
        return dict(parse_qsl(sent.decode(), keep_blank_values=True))
    if kind == PARTS:
        told = BytesParser().parsebytes(f"content-type: {sent_as}\r\n\r\n".encode() + sent)
        return {
            str(part.get_param("name", header="content-disposition")): "…"
            for part in told.get_payload()
            if not isinstance(part, str)
        }
    return json.loads(sent)


def judge_of(found: Iterable[Document]) -> Judge:
    """A judge who goes by these documents."""
    operations: dict[str, list[Operation]] = {method: [] for method in METHODS}
    resources = []
    for number, document in enumerate(found):
        resources.append((f"{HOME}{number}", DRAFT4.create_resource(document)))
        keys = KEYS if KEY in document.get("components", {}).get("securitySchemes", ()) else ()
        for path, ways in document.get("paths", {}).items():
            for method in METHODS:
                if method in ways:
                    operations[method].append(
                        Operation(unquote(path), ways[method], number, frozenset(keys))
                    )
    registry: Any = Registry().with_resources(resources)
    return Judge({method: tuple(known) for method, known in operations.items()}, registry)


@lru_cache(maxsize=1)
def hubspot() -> Judge:
    """The judge of exchanges with HubSpot. Skips the test where nobody fetched its documents."""
    return judge_of(documents())
