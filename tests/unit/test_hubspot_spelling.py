"""How values of HubSpot's properties are spelt, both ways."""

import pytest

from crm_clients.hubspot.spelling import moment_of, shown, spelt
from mappers.vocabulary import Field, FieldKind


def a_field(kind: FieldKind, *, multiple: bool = False) -> Field:
    return Field(id="own", title="own", entity="deal", type="string", kind=kind, multiple=multiple)


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("text", " as it is ", (" as it is ",)),
        ("text", "", ()),
        ("number", "1500.50", ("1500.5",)),
        ("number", "many", ()),
        ("boolean", "TRUE", ("true",)),
        ("boolean", "yes", ()),
        ("date", "2026-03-29", ("2026-03-29",)),
        ("date", "2026-03-29T00:00:00Z", ("2026-03-29",)),
        ("date", "1774742400000", ("2026-03-29",)),
        ("date", "soon", ()),
        ("moment", "2026-03-29T21:30:00.500Z", ("2026-03-29T21:30:00+00:00",)),
        ("moment", "1774819800000", ("2026-03-29T21:30:00+00:00",)),
        ("moment", "2026-03-29T21:30:00", ()),
        ("choice", "new", ("new",)),
    ],
)
def test_what_a_property_holds_is_shown(
    kind: FieldKind, said: str, expected: tuple[str, ...]
) -> None:
    assert shown(a_field(kind), said) == expected


def test_a_list_is_parted_and_each_choice_is_there_once() -> None:
    assert shown(a_field("choice", multiple=True), ";a; b;a;") == ("a", "b")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "as it is", "as it is"),
        ("number", "12 500,50", "12500.5"),
        ("boolean", "true", "true"),
        ("boolean", "false", "false"),
        ("date", "2026-03-29", "2026-03-29"),
        ("moment", "2026-03-30T00:30:00+03:00", "2026-03-29T21:30:00.000Z"),
        ("choice", "new", "new"),
    ],
)
def test_a_value_is_spelt_as_its_property_wants_it(
    kind: FieldKind, value: str, expected: str
) -> None:
    assert spelt(a_field(kind), value) == expected


@pytest.mark.parametrize(
    ("kind", "value"), [("number", "many"), ("date", "soon"), ("moment", "soon"), ("other", "x")]
)
def test_what_is_of_another_type_is_refused(kind: FieldKind, value: str) -> None:
    with pytest.raises(ValueError, match=r"number|isoformat|written"):
        spelt(a_field(kind), value)


@pytest.mark.parametrize("said", ["9" * 30, "-", "", "12:30"])
def test_what_is_no_moment_is_none(said: str) -> None:
    assert moment_of(said) is None
