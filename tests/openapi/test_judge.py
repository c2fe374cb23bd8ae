"""The judge of exchanges, by documents as small as the defects that it must see through."""

import json
from typing import Any

import pytest

from tests.openapi.documents import PLACE, Document, documents, folder, mended
from tests.openapi.judge import FORM, JSON, PARTS, Exchange, Judge, judge_of

HERE = {"$ref": "#/components/responses/Error"}


def document(schemas: dict[str, Any], way: dict[str, Any], path: str = "/things/{id}") -> Document:
    error = {"required": ["category"], "type": "object"}
    return {
        "paths": {path: {"post": {"responses": {"200": {}, "default": HERE}, **way}}},
        "components": {
            "schemas": {"Error": error, **schemas},
            "responses": {"Error": {"content": {"*/*": {"schema": {"$ref": ref("Error")}}}}},
        },
    }


def ref(name: str) -> str:
    return f"#/components/schemas/{name}"


def taking(name: str, schemas: dict[str, Any]) -> Judge:
    """A judge of one operation that takes a body of this name."""
    body = {"content": {JSON: {"schema": {"$ref": ref(name)}}}}
    return judge_of([mended(document(schemas, {"requestBody": body}))])


def exchange(body: Any = None, told: Any = None, **changes: Any) -> Exchange:
    values: dict[str, Any] = {
        "method": "POST",
        "url": "https://api.example.com/things/7",
        "sent": b"" if body is None else json.dumps(body).encode(),
        "sent_as": "" if body is None else JSON,
        "status": 200,
        "told": b"" if told is None else json.dumps(told).encode(),
    }
    return Exchange(**{**values, **changes})


def strings(*names: str) -> dict[str, Any]:
    return {name: {"type": "string"} for name in names}


class TestWhatIsMended:
    def test_a_child_and_its_parent_no_longer_let_everything_pass(self) -> None:
        def child(kind: str) -> dict[str, Any]:
            own = {"required": ["type"], "properties": {"type": {"type": "string", "enum": [kind]}}}
            return {"properties": {}, "allOf": [{"$ref": ref("Any")}, {"type": "object", **own}]}

        every = [{"$ref": ref("A")}, {"$ref": ref("B")}]
        judge = taking("Any", {"Any": {"oneOf": every}, "A": child("A"), "B": child("B")})
        assert judge.faults(exchange({"type": "B"})) == ()
        assert "is not one of" in "".join(judge.faults(exchange({"type": "NOPE"})))

    def test_a_search_needs_nothing_and_sorts_by_an_object(self) -> None:
        sorts = {"type": "array", "items": {"type": "string"}}
        search = {"required": ["after", "sorts"], "type": "object", "properties": {"sorts": sorts}}
        judge = taking("PublicObjectSearchRequest", {"PublicObjectSearchRequest": search})
        assert judge.faults(exchange({})) == ()
        told = {"sorts": [{"propertyName": "createdate", "direction": "ASCENDING"}]}
        assert judge.faults(exchange(told)) == ()
        assert judge.faults(exchange({"sorts": [{"direction": "ASCENDING"}]}))

    def test_values_may_be_empty_and_are_words(self) -> None:
        values = {"type": "object", "additionalProperties": {"type": "string"}}
        record = {"type": "object", "properties": {"properties": values}}
        judge = taking("SimplePublicObject", {"SimplePublicObject": record})
        assert judge.faults(exchange({"properties": {"phone": None, "email": "a@b.ru"}})) == ()
        assert judge.faults(exchange({"properties": {"phone": 7}}))

    def test_capabilities_are_whatever_they_are(self) -> None:
        held = {"type": "object", "additionalProperties": {"type": "object"}}
        channel = {"properties": {"capabilities": held, **strings("webhookUrl")}}
        judge = taking("Channel", {"Channel": {"type": "object", **channel}})
        assert judge.faults(exchange({"capabilities": {"richText": ["BOLD"]}})) == ()

    def test_ids_of_associations_are_words_or_numbers(self) -> None:
        told = {"type": "object", "properties": strings("toObjectId")}
        judge = taking("Tied", {"Tied": told})
        assert judge.faults(exchange({"toObjectId": 7})) == ()
        assert judge.faults(exchange({"toObjectId": "7"})) == ()
        assert judge.faults(exchange({"toObjectId": None}))

    def test_what_a_schema_does_not_name_is_a_fault(self) -> None:
        judge = taking("Named", {"Named": {"type": "object", "properties": strings("name")}})
        (fault,) = judge.faults(exchange({"nmae": "x"}))
        assert fault.startswith("POST /things/{id}: request: all of it: Additional properties")


class TestExchanges:
    def test_an_unknown_operation_is_a_fault(self) -> None:
        judge = judge_of([document({}, {})])
        for changes in ({"method": "GET"}, {"url": "https://api.example.com/others"}):
            (fault,) = judge.faults(exchange(**changes))
            assert fault.endswith("no such operation")

    def test_a_word_is_surer_than_a_parameter_and_a_path_may_be_a_parameter(self) -> None:
        judge = judge_of([document({}, {}), document({}, {}, "/things/all")])
        found = judge.operation("POST", "/things/all")
        assert found is not None
        assert found.path == "/things/all"
        files = judge_of([document({}, {}, "/files/stat/{path}")])
        assert files.operation("POST", "/files/stat/a/b/c.png")
        assert judge.operation("POST", "/things/a/b/c.png") is None

    def test_a_query_is_known_and_of_its_type(self) -> None:
        known = [
            {"name": "limit", "in": "query", "schema": {"type": "integer"}},
            {"name": "archived", "in": "query", "schema": {"type": "boolean"}},
            {
                "name": "kinds",
                "in": "query",
                "required": True,
                "schema": {"type": "array", "items": {"type": "string", "enum": ["A", "B"]}},
            },
        ]
        judge = judge_of([document({}, {"parameters": known})])
        url = "https://api.example.com/things/7?kinds=A,B"
        assert judge.faults(exchange(url=f"{url}&limit=5&archived=true")) == ()
        for query in ("&limit=many", "&archived=1", "&kinds=C", "&limt=5"):
            assert len(judge.faults(exchange(url=url + query))) == 1
        assert judge.faults(exchange()) == ("POST /things/{id}: query: kinds is missing",)

    def test_an_answer_is_of_a_known_status_and_shape(self) -> None:
        shape = {"type": "object", "required": ["id"], "properties": strings("id")}
        answers = {"201": {"content": {JSON: {"schema": shape}}}, "204": {}, "default": HERE}
        judge = judge_of([mended(document({}, {"responses": answers}))])
        assert judge.faults(exchange(status=201, told={"id": "7"})) == ()
        assert judge.faults(exchange(status=204)) == ()
        assert judge.faults(exchange(status=404, told={"category": "OBJECT_NOT_FOUND"})) == ()
        assert judge.faults(exchange(status=429, told={"message": "slower"})) == ()
        for status, told in ((200, {"id": "7"}), (201, {"id": 7}), (204, {}), (404, {})):
            assert len(judge.faults(exchange(status=status, told=told))) == 1
        assert judge.faults(exchange(status=201))

    def test_what_was_refused_may_have_been_wrong(self) -> None:
        judge = judge_of([mended(document({}, {}))])
        assert judge.faults(exchange({"id": 7}))
        assert judge.faults(exchange({"id": 7}, {"category": "X"}, status=400)) == ()

    def test_a_form_and_its_parts_are_read(self) -> None:
        shape = {"type": "object", "properties": strings("name", "file"), "required": ["name"]}
        content = {FORM: {"schema": shape}, PARTS: {"schema": shape}}
        judge = judge_of([mended(document({}, {"requestBody": {"content": content}}))])
        about = b"--x\r\nContent-Disposition: form-data; name="
        parts = about + b'"%s"\r\n\r\n1\r\n' + about + b'"file"\r\n\r\n\x00\r\n--x--\r\n'
        for kind, sent in ((FORM, b"%s=1"), (f"{PARTS}; boundary=x", parts)):
            assert judge.faults(exchange(sent=sent % b"name", sent_as=kind)) == ()
            assert judge.faults(exchange(sent=sent % b"nmae", sent_as=kind))
        assert judge.faults(exchange({"name": "x"}))

    def test_scopes_are_those_that_are_enough(self) -> None:
        ways = [{"oauth2": ["a", "b"]}, {"oauth2": ["c"]}, {"other": []}]
        found = judge_of([document({}, {"security": ways})]).operation("POST", "/things/7")
        assert found is not None
        assert found.scopes() == (frozenset({"a", "b"}), frozenset({"c"}))
        judge = judge_of([document({}, {"security": ways})])
        for scopes in ({"a", "b"}, {"c", "d"}):
            assert judge.beyond([exchange()], frozenset(scopes)) == ()
        (fault,) = judge.beyond([exchange()], frozenset({"a", "d"}))
        assert fault == "/things/{id}: takes one of [['a', 'b'], ['c']]"
        assert judge.beyond([exchange(status=403)], frozenset()) == ()


def test_without_documents_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLACE, "/nowhere")
    assert folder() is None
    with pytest.raises(pytest.skip.Exception, match=PLACE):
        list(documents())
