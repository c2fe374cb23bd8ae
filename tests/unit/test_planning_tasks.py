"""Which tasks a conversation makes us owe: one for each silence, whoever asks how often."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from mappers.vocabulary import ConversationId, DeliveryKind
from middleware.pipeline.planning import Counterpart, Planner
from middleware.simulation.loop import VirtualClock, run
from middleware.simulation.twin import TwinStore
from middleware.store.policy import Policy
from tests.store_scene import CHANNEL, CRM, ROUTE, SPOKEN_AT, a_message, a_twin, meet, new_message

T = TypeVar("T")
POLICY = Policy(answer_within=timedelta(minutes=30))


def play(story: Callable[[TwinStore], Awaitable[T]]) -> T:
    async def main() -> T:
        return await story(a_twin(VirtualClock()))

    return run(main(), seed=0)


async def say(store: TwinStore, name: str, minute: int, *, provider: str = "telegram") -> None:
    """Let the customer, or an operator in the CRM, say something; plan what follows."""
    async with store.unit() as unit:
        conversation = await unit.conversation(await meet(unit))
        message = a_message(name, provider=provider, minute=minute)
        at = CRM if provider == "amocrm" else CHANNEL
        await unit.add_message(new_message(conversation.id, message, connection=at))
        assert conversation.contact is not None
        route = replace(ROUTE, policy=POLICY)
        counterpart = Counterpart(route, conversation, conversation.contact)
        planner = Planner(unit, SPOKEN_AT)
        await planner.expect_answer(counterpart)
        await planner.ask_to_answer(counterpart)


def tasks(store: TwinStore) -> list[tuple[str, ConversationId | None]]:
    rows = store.tables.deliveries.rows.values()
    owed = [row.duty for row in rows if row.duty.kind is DeliveryKind.CREATE_TASK]
    return [(duty.detail["task"], duty.conversation) for duty in owed]


def test_one_silence_is_one_task_of_each_sort() -> None:
    async def story(store: TwinStore) -> list[str]:
        for number in range(3):
            await say(store, f"100:{number}", number)
        return [sort for sort, _ in tasks(store)]

    assert play(story) == ["unanswered", "notes"]


def test_an_answer_ends_the_silence_and_the_next_question_begins_another() -> None:
    async def story(store: TwinStore) -> list[int]:
        counts = []
        for name, minute, provider in (
            ("100:1", 1, "telegram"),
            ("r-1", 2, "amocrm"),
            ("100:2", 3, "telegram"),
            ("100:3", 4, "telegram"),
        ):
            await say(store, name, minute, provider=provider)
            counts.append(len(tasks(store)))
        return counts

    assert play(story) == [2, 2, 4, 4]


def test_an_answer_that_was_given_before_the_question_answers_nothing() -> None:
    async def story(store: TwinStore) -> int:
        await say(store, "r-1", 1, provider="amocrm")
        await say(store, "100:1", 2)
        return len(tasks(store))

    assert play(story) == 2
