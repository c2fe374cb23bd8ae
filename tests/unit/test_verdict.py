"""The verdict of a trial: whatever goes wrong between the two sides is counted, and only that."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from middleware.outbox.words import DOUBT
from middleware.trial.evidence import Records, threads_of
from middleware.trial.verdict import (
    Direction,
    Lag,
    Said,
    Seen,
    Thread,
    Told,
    compare,
    judge,
    out_of_place,
)


def said(*texts: str, at: float = 0.0, told: Told = "arrived") -> tuple[Said, ...]:
    return tuple(Said(revisions=(text,), at=at, told=told) for text in texts)


def seen(*texts: str, at: float = 1.0) -> tuple[Seen, ...]:
    return tuple(Seen(text=text, at=at) for text in texts)


def arrived(direction: Direction) -> list[bool]:
    return [found.is_whole for found in direction.found]


@pytest.mark.parametrize(
    ("spoken", "heard", "whole", "faults"),
    [
        ("abc", "abc", [True] * 3, (0, 0, 0)),
        ("abc", "", [False] * 3, (0, 0, 0)),
        ("abc", "ac", [True, False, True], (0, 0, 0)),
        ("abc", "abbc", [True] * 3, (1, 0, 0)),
        ("abc", "abcabc", [True] * 3, (3, 0, 0)),
        ("abc", "bac", [True] * 3, (0, 0, 1)),
        ("abcd", "dabc", [True] * 4, (0, 0, 1)),
        ("abc", "cba", [True] * 3, (0, 0, 2)),
        ("ab", "axb", [True] * 2, (0, 1, 0)),
        ("aa", "aa", [True] * 2, (0, 0, 0)),
        ("aa", "a", [True, False], (0, 0, 0)),
        ("aa", "aaa", [True] * 2, (1, 0, 0)),
        ("", "x", [], (0, 1, 0)),
    ],
)
def test_what_went_wrong_is_counted(
    spoken: str, heard: str, whole: list[bool], faults: tuple[int, int, int]
) -> None:
    direction = compare(said(*spoken), seen(*heard))
    assert arrived(direction) == whole
    assert (direction.duplicated, direction.unexplained, direction.out_of_order) == faults


numbers = st.lists(st.integers(0, 999), unique=True, max_size=30)


@given(numbers)
def test_what_arrives_as_it_was_said_is_clean(spoken: list[int]) -> None:
    words = [f"n{number}" for number in spoken]
    direction = compare(said(*words), seen(*words))
    assert all(arrived(direction))
    assert (direction.duplicated, direction.unexplained, direction.out_of_order) == (0, 0, 0)


@given(numbers, st.data())
def test_every_loss_is_counted(spoken: list[int], data: st.DataObject) -> None:
    words = [f"n{number}" for number in spoken]
    lost = data.draw(st.sets(st.sampled_from(words))) if words else set()
    direction = compare(said(*words), seen(*(word for word in words if word not in lost)))
    assert arrived(direction) == [word not in lost for word in words]
    assert direction.duplicated == direction.out_of_order == 0


@given(numbers, st.data())
def test_every_double_is_counted_wherever_it_stands(spoken: list[int], data: st.DataObject) -> None:
    assume(spoken)
    words = [f"n{number}" for number in spoken]
    doubles = data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=5))
    heard = list(words)
    for double in doubles:
        after = heard.index(double) + 1
        heard.insert(data.draw(st.integers(after, len(heard))), double)
    direction = compare(said(*words), seen(*heard))
    assert direction.duplicated == len(doubles)
    assert all(arrived(direction))
    assert direction.out_of_order == 0


@given(st.permutations(range(12)))
def test_any_other_order_is_noticed(order: Sequence[int]) -> None:
    direction = compare(said(*map(str, range(12))), seen(*map(str, order)))
    assert all(arrived(direction))
    assert (direction.out_of_order == 0) == (list(order) == list(range(12)))


@given(st.lists(st.integers(0, 20), unique=True, min_size=2, max_size=20), st.data())
def test_one_message_that_moved_is_one_out_of_place(
    numbered: list[int], data: st.DataObject
) -> None:
    order = sorted(numbered)
    moved = order.pop(data.draw(st.integers(0, len(order) - 1)))
    place = data.draw(st.integers(0, len(order)))
    order.insert(place, moved)
    assert out_of_place(order) == int(order != sorted(order))


def test_a_long_message_may_come_in_pieces() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    half = text.index("word500")
    whole = compare(said(text), seen(text[:half], text[half:]))
    assert (arrived(whole), whole.duplicated, whole.out_of_order) == ([True], 0, 0)
    part = compare(said(text), seen(text[:half]))
    assert arrived(part) == [False]
    again = compare(said(text), seen(text[:half], text[:half], text[half:]))
    assert (arrived(again), again.duplicated) == ([True], 1)
    swapped = compare(said(text), seen(text[half:], text[:half]))
    assert arrived(swapped) == [False]
    assert swapped.duplicated == 1


def test_a_short_message_inside_a_long_one_is_its_own() -> None:
    direction = compare(said("yes"), seen("y"))
    assert (arrived(direction), direction.unexplained) == ([False], 1)


def test_a_correction_that_did_not_arrive_is_outdated_not_lost() -> None:
    corrected = (Said(revisions=("cast", "cats"), at=0),)
    late = compare(corrected, seen("cast"))
    assert [(found.is_whole, found.is_outdated) for found in late.found] == [(True, True)]
    fine = compare(corrected, seen("cats"))
    assert [(found.is_whole, found.is_outdated) for found in fine.found] == [(True, False)]
    both = compare(corrected, seen("cast", "cats"))
    assert both.duplicated == 1


def test_a_correction_may_be_said_beneath_what_it_corrects() -> None:
    corrected = (Said(revisions=("red", "blue"), at=0),)
    beneath = seen("red", "[The author changed this message]\nblue")
    fine = compare(corrected, beneath)
    assert [(found.is_whole, found.is_outdated) for found in fine.found] == [(True, False)]
    assert (fine.duplicated, fine.out_of_order) == (0, 0)
    assert compare(corrected, [*beneath, beneath[1]]).duplicated == 1
    assert compare(corrected, [*beneath, beneath[0]]).duplicated == 1


def test_what_was_shown_is_seen_in_brackets() -> None:
    shown = (Said(revisions=("",), at=0, is_shown=True),)
    assert arrived(compare(shown, seen("[Photo]"))) == [True]
    assert compare(shown, seen("[Photo]", "[Photo]")).duplicated == 1
    assert arrived(compare(shown, seen("Photo"))) == [False]


def test_what_has_a_title_is_known_by_it() -> None:
    cafe, home = (
        Said(revisions=("",), at=0, is_shown=True, title=name) for name in ("«1»", "«12»")
    )
    assert compare((cafe, home), seen("[Place: «1», Arbat]", "Poll «12»")).out_of_order == 0
    swapped = compare((cafe, home), seen("[Place: «12»]", "[Place: «1»]"))
    assert (arrived(swapped), swapped.out_of_order) == ([True, True], 1)
    assert arrived(compare((cafe,), seen("[Place]"))) == [False]


@pytest.mark.parametrize(
    ("heard", "whole", "faults"),
    [
        ([("look", "a")], True, (0, 0, 0)),
        ([("[Photo]\nlook", ""), ("", "a")], True, (0, 0, 0)),
        ([("[Photo] (too large)\nlook", "")], False, (0, 0, 0)),
        ([("look", "b")], False, (0, 1, 0)),
        ([("look", "")], False, (0, 0, 0)),
        ([("", "a")], False, (0, 0, 0)),
        ([("look", "a"), ("", "a")], True, (1, 0, 0)),
        ([("look", "a"), ("[Photo]\nlook", "")], True, (1, 0, 0)),
        ([("[Photo]\nlook", ""), ("look", "a")], False, (1, 0, 0)),
    ],
)
def test_a_file_is_there_when_its_bytes_are(
    heard: list[tuple[str, str]], whole: bool, faults: tuple[int, int, int]
) -> None:
    shown = (Said(revisions=("look",), at=0, file="a"),)
    direction = compare(shown, tuple(Seen(text=text, at=1, file=file) for text, file in heard))
    assert arrived(direction) == [whole]
    assert (direction.duplicated, direction.unexplained, direction.out_of_order) == faults


def test_a_file_without_words_is_known_by_its_bytes_alone() -> None:
    shown = tuple(Said(revisions=("",), at=0, file=file) for file in "abb")
    fine = compare(shown, tuple(Seen(text="", at=1, file=file) for file in "abb"))
    assert (arrived(fine), fine.duplicated) == ([True] * 3, 0)
    late = (Seen(text="[Photo]", at=1), *(Seen(text="", at=2, file=file) for file in "bba"))
    assert (arrived(compare(shown, late)), compare(shown, late).out_of_order) == ([True] * 3, 0)
    moved = compare(shown[:2], tuple(Seen(text="", at=1, file=file) for file in "ba"))
    assert moved.out_of_order == 1


def test_files_that_did_not_come_are_counted_unless_their_author_knows() -> None:
    shown = (Said(revisions=("x",), at=0, file="a"),)
    lacking = judge([Thread(messages=shown, timeline=seen("[Photo]\nx"))], contacts_created=0)
    assert (lacking.files_in, lacking.files_missing, lacking.lost) == (1, 1, 1)
    refused = (replace(shown[0], told="failed"),)
    known = judge([Thread(replies=refused)], contacts_created=0)
    assert (known.files_out, known.files_missing, known.refused) == (1, 0, 1)


def test_a_forwarded_message_is_known_by_its_own_words() -> None:
    direction = compare(said("hi"), seen("[Forwarded from Zoe]\nhi"))
    assert (arrived(direction), direction.unexplained) == ([True], 0)
    corrected = (Said(revisions=("cast", "cats"), at=0, file="a"),)
    late = compare(corrected, seen("[Photo: x]\ncast"))
    assert [found.is_outdated for found in late.found] == [True]


def test_what_waited_for_a_person_may_come_late() -> None:
    first, second = said("a", "b")
    waited = replace(first, was_unsure=True)
    assert compare((waited, second), seen("b", "a")).out_of_order == 0
    assert compare((first, second), seen("b", "a")).out_of_order == 1


@pytest.mark.parametrize(
    ("told", "is_there", "counts"),
    [
        ("arrived", True, {}),
        ("", True, {}),
        ("arrived", False, {"lost": 1}),
        ("", False, {"lost": 1}),
        ("unsure", False, {"held": 1}),
        ("unsure", True, {"held": 1}),
        ("failed", False, {"refused": 1}),
        ("failed", True, {"misreported": 1}),
    ],
)
def test_a_reply_is_judged_by_what_its_author_was_told(
    told: Told, is_there: bool, counts: dict[str, int]
) -> None:
    chat = seen("hi") if is_there else ()
    verdict = judge([Thread(replies=said("hi", told=told), chat=chat)], contacts_created=0)
    known = {name: verdict.as_json()[name] for name in ("lost", "held", "refused", "misreported")}
    assert known == {"lost": 0, "held": 0, "refused": 0, "misreported": 0} | counts
    assert verdict.is_clean is not bool(counts.keys() & {"lost", "misreported"})
    assert verdict.statuses_returned == int(told != "")
    assert verdict.replies_delivered == int(is_there)


def test_conversations_are_not_mixed_up() -> None:
    one = Thread(messages=said("a"), timeline=seen("b"))
    two = Thread(messages=said("b"), timeline=seen("a"))
    verdict = judge([one, two], contacts_created=2)
    assert (verdict.lost, verdict.unexplained, verdict.customers) == (2, 2, 2)
    assert not verdict.is_clean


def test_a_lag_is_from_the_mouth_to_the_eye() -> None:
    messages = tuple(Said(revisions=(str(n),), at=float(n)) for n in range(20))
    timeline = tuple(Seen(text=str(n), at=n + (n + 1) / 100) for n in range(20))
    verdict = judge([Thread(messages=messages, timeline=timeline)], contacts_created=0)
    assert verdict.lag_ms == {"in": Lag(p50=100, p95=190), "out": Lag(p50=None, p95=None)}


def test_the_stages_records_become_conversations() -> None:
    def act(message_id: int, text: str, **shown: str) -> dict[str, object]:
        what = {"shown": [shown] if shown else [], "text": text, "at": 1.0}
        return {"chat_id": 5, "message_id": message_id, **what}

    entry = {"text": "cats", "is_from_operator": False, "appeared_at": 1.5, "sha256": "b"}
    received = {"from": "bot", "text": "Hello", "at": 2.5, "shown": [{"sha256": "c"}]}
    doubt = {"code": -1, "error": DOUBT["en"].format(link="https://hub.example.com/held/1")}
    records = Records(
        said=[
            *(act(1, "cast", sha256="b"), act(1, "cats", sha256="b")),
            act(2, "", kind="poll", question="Why?"),
        ],
        chats=[{"chat_id": 5, "messages": [received]}],
        timeline=[{"client_id": "channel:7:5", "messages": [entry]}],
        replies=[
            {
                "client_conversation_id": "channel:7:5",
                "text": "Hello",
                "sha256": "c",
                "at": 2.0,
                "statuses": [doubt, {"code": 1, "error": None}],
            }
        ],
    )
    (thread,) = threads_of(records)
    assert thread.messages == (
        Said(revisions=("cast", "cats"), at=1.0, file="b"),
        Said(revisions=("",), at=1.0, is_shown=True, title="Why?"),
    )
    assert thread.timeline == (Seen(text="cats", at=1.5, file="b"),)
    reply = Said(revisions=("Hello",), at=2.0, file="c", told="arrived", was_unsure=True)
    assert (thread.replies, thread.chat) == ((reply,), (Seen(text="Hello", at=2.5, file="c"),))
