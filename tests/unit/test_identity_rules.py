"""Which record is this person? Verified, always the same, and never overwritten."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.vocabulary import Confidence, Identity, IdentityKind, Person, Record, RecordDraft
from middleware.identity.rules import as_met, choose, draft, is_really, lacks, searchable

PHONE, OTHER_PHONE, EMAIL = "+79123456789", "+79123456780", "olga@example.com"
YEAR_2020, YEAR_2025 = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2025))
USER = Identity(kind=IdentityKind.CHANNEL_USER, value="any:7", evidence="typed")
BY_PHONE = Identity(kind=IdentityKind.PHONE, value=PHONE, evidence="typed")
BY_EMAIL = Identity(kind=IdentityKind.EMAIL, value=EMAIL, evidence="typed")
HEARSAY = Identity(
    kind=IdentityKind.PHONE, value=OTHER_PHONE, evidence="typed", confidence=Confidence.WEAK
)
OLGA = Person(identities=(USER, BY_EMAIL, HEARSAY, BY_PHONE), name="Ольга", username="olga")

records = st.builds(
    Record,
    id=st.integers(1, 200).map(str),
    phones=st.just((PHONE,)) | st.just(()),
    deals=st.just(()) | st.just(("1",)),
    created_at=st.none() | st.sampled_from([YEAR_2020, YEAR_2025]),
)
phones = st.lists(
    st.sampled_from([PHONE, OTHER_PHONE, "8 (912) 345-67-89", "2-12-85"]), max_size=3
).map(tuple)
emails = st.lists(st.sampled_from([EMAIL, "Olga@Example.com ", "b@example.com"]), max_size=3).map(
    tuple
)


def test_whoever_wrote_in_an_exchange_comes_first_there() -> None:
    elsewhere = Identity(kind=IdentityKind.CHANNEL_USER, value="any:8", evidence="typed")
    known = (USER, BY_PHONE, elsewhere)
    assert as_met(known, "any", "8") == (elsewhere, USER, BY_PHONE)
    assert as_met(known, "any", "9") == known


def test_the_surest_way_to_search_comes_first_and_hearsay_never() -> None:
    assert searchable(OLGA) == (BY_PHONE, BY_EMAIL)


def test_a_stranger_cannot_be_searched_for() -> None:
    assert searchable(Person(identities=(USER, HEARSAY))) == ()


@pytest.mark.parametrize(
    ("record", "identity", "really"),
    [
        (Record(id="1", phones=("8 912 345-67-89",)), BY_PHONE, True),
        (Record(id="1", phones=("", OTHER_PHONE, PHONE)), BY_PHONE, True),
        (Record(id="1", phones=(OTHER_PHONE,)), BY_PHONE, False),
        (Record(id="1", name=PHONE), BY_PHONE, False),
        (Record(id="1", emails=(" Olga@Example.com",)), BY_EMAIL, True),
        (Record(id="1", emails=("olga@example.org",)), BY_EMAIL, False),
        (Record(id="1", phones=(PHONE,), emails=(EMAIL,)), USER, False),
    ],
)
def test_a_search_result_is_believed_only_when_it_says_so_itself(
    record: Record, identity: Identity, *, really: bool
) -> None:
    assert is_really(record, identity) is really


HERS = Record(id="20", phones=(PHONE,), created_at=YEAR_2025)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ((), None),
        ((replace(HERS, phones=(OTHER_PHONE,)),), None),
        ((HERS, replace(HERS, id="3", phones=())), "20"),
        ((HERS, replace(HERS, id="30", deals=("1",))), "30"),
        ((HERS, replace(HERS, id="30", created_at=YEAR_2020)), "30"),
        ((HERS, replace(HERS, id="30", created_at=None)), "30"),
        ((HERS, replace(HERS, id="9")), "9"),
        ((HERS, replace(HERS, id="19")), "19"),
    ],
)
def test_with_deals_before_without_then_the_oldest(
    candidates: Sequence[Record], chosen: str | None
) -> None:
    found = choose(candidates, BY_PHONE)
    assert (found.id if found else None) == chosen


@given(candidates=st.lists(records, unique_by=lambda r: r.id), data=st.data())
def test_the_choice_does_not_depend_on_the_order_of_the_answer(
    candidates: list[Record], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(candidates))
    assert choose(candidates, BY_PHONE) == choose(shuffled, BY_PHONE)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (OLGA, "Ольга"),
        (replace(OLGA, name=""), "olga"),
        (replace(OLGA, name="", username=""), "tl-1"),
    ],
)
def test_a_new_record_is_called_as_well_as_we_know(person: Person, name: str) -> None:
    assert draft(person, "tl-1") == RecordDraft(name=name, phones=(PHONE,), emails=(EMAIL,))


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (Record(id="1", phones=("8 912 345 67 89",), emails=("OLGA@example.com ",)), None),
        (Record(id="1", phones=(PHONE,)), RecordDraft(name="", emails=(EMAIL,))),
        (Record(id="1", emails=(EMAIL,)), RecordDraft(name="", phones=(PHONE,))),
        (
            Record(id="1", phones=(OTHER_PHONE,), emails=("b@example.com",)),
            RecordDraft(name="", phones=(PHONE,), emails=(EMAIL,)),
        ),
    ],
)
def test_only_what_a_record_lacks_is_added(record: Record, missing: RecordDraft | None) -> None:
    assert lacks(record, draft(OLGA, "tl-1")) == missing


@given(has_phones=phones, has_emails=emails)
def test_a_record_made_complete_lacks_nothing(
    has_phones: tuple[str, ...], has_emails: tuple[str, ...]
) -> None:
    record = Record(id="1", phones=has_phones, emails=has_emails)
    wanted = draft(OLGA, "tl-1")
    if (missing := lacks(record, wanted)) is not None:
        record = replace(
            record,
            phones=(*record.phones, *missing.phones),
            emails=(*record.emails, *missing.emails),
        )
    assert lacks(record, wanted) is None
