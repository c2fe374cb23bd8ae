"""The promises of a CRM that gives its employees tasks, and that tells who is responsible."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from crm_clients.contract import CreatesTasks, HasCatalogue, TagsDeals
from mappers.vocabulary import DealDraft, Permanent, TaskDraft
from tests.conformance.crm_bench import DRAFT, Bench, refusal

TO_DO = "Клиент ждёт ответа"


def creating(bench: Bench) -> CreatesTasks:
    if not isinstance(bench.crm, CreatesTasks):
        pytest.skip("it has no tasks")
    return bench.crm


async def users(bench: Bench) -> list[str]:
    crm = bench.crm
    assert isinstance(crm, HasCatalogue)
    return [operator.user for operator in (await crm.catalogue()).operators]


async def a_task(bench: Bench, *, with_deal: bool = False) -> TaskDraft:
    record = await bench.crm.create_record(DRAFT, key="record-1")
    deal = DealDraft(record=record, title="Диван")
    return TaskDraft(
        record=record,
        deal=await bench.crm.create_deal(deal, key="deal-1") if with_deal else "",
        text=TO_DO,
        due_at=bench.http.now() + timedelta(minutes=15),
    )


class TaskPromises:
    @pytest.mark.parametrize("with_deal", [True, False])
    async def test_a_task_is_about_the_deal_or_else_the_record(
        self, bench: Bench, with_deal: bool
    ) -> None:
        crm, draft = creating(bench), await a_task(bench, with_deal=with_deal)
        made = await crm.create_task(draft, key="task-1")
        assert await crm.find_created_task(draft, "task-1", bench.recently()) == made
        (task,) = bench.tasks()
        assert task == (draft.deal or draft.record, TO_DO, task[2])

    @pytest.mark.parametrize("with_deal", [True, False])
    async def test_a_task_in_doubt_is_found_exactly_once(
        self, bench: Bench, with_deal: bool
    ) -> None:
        crm, draft = creating(bench), await a_task(bench, with_deal=with_deal)
        bench.arm("cut_before", "task")
        assert (await refusal(crm.create_task(draft, key="t"))).failure.kind == bench.lost("task")
        assert await crm.find_created_task(draft, "t", bench.recently()) is None
        bench.arm("cut_after", "task")
        assert (await refusal(crm.create_task(draft, key="t"))).failure.kind == bench.lost("task")
        assert await crm.find_created_task(draft, "t", bench.recently())
        assert len(bench.tasks()) == 1

    async def test_a_task_is_known_by_its_words_its_due_time_and_when_it_was_made(
        self, bench: Bench
    ) -> None:
        crm, draft = creating(bench), await a_task(bench)
        await crm.create_task(draft, key="task-1")
        long_after = bench.http.now() + timedelta(minutes=30)
        for other, since in (
            (replace(draft, text="Перезвонить"), bench.recently()),
            (replace(draft, due_at=draft.due_at + timedelta(minutes=1)), bench.recently()),
            (draft, long_after),
        ):
            assert await crm.find_created_task(other, "task-2", since) is None

    async def test_a_task_is_found_although_the_deal_has_changed_since(self, bench: Bench) -> None:
        crm, draft = creating(bench), await a_task(bench, with_deal=True)
        made = await crm.create_task(draft, key="task-1")
        deal = DealDraft(record=draft.record, title="Стол")
        other = replace(draft, deal=await bench.crm.create_deal(deal, key="deal-2"))
        assert await crm.find_created_task(other, "task-1", bench.recently()) == made
        alone = replace(draft, deal="")
        assert await crm.find_created_task(alone, "task-1", bench.recently()) == made

    async def test_a_task_is_for_whoever_is_named_or_whose_card_it_is(self, bench: Bench) -> None:
        crm = creating(bench)
        first, second = (await users(bench))[:2]
        record = await bench.crm.create_record(replace(DRAFT, responsible=second), key="r")
        draft = TaskDraft(record=record, text=TO_DO, due_at=soon(bench))
        await crm.create_task(draft, key="t-1")
        await crm.create_task(replace(draft, responsible=first), key="t-2")
        deal = DealDraft(record=record, title="Диван", responsible=first)
        about = await bench.crm.create_deal(deal, key="d")
        await crm.create_task(replace(draft, deal=about), key="t-3")
        assert [task[2] for task in bench.tasks()] == [second, first, first]

    async def test_a_user_who_left_is_named_as_the_reason(self, bench: Bench) -> None:
        crm, draft = creating(bench), await a_task(bench)
        _, second = (await users(bench))[:2]
        bench.dismiss(second)
        for attempt in (
            crm.create_task(replace(draft, responsible=second), key="t"),
            bench.crm.create_record(replace(DRAFT, responsible=second), key="r"),
            bench.crm.create_deal(
                DealDraft(record=draft.record, title="Диван", responsible=second), key="d"
            ),
        ):
            failure = (await refusal(attempt)).failure
            assert isinstance(failure, Permanent)
            assert failure.gone == "responsible"
        assert bench.tasks() == []

    async def test_a_task_about_a_record_that_is_gone_says_so(self, bench: Bench) -> None:
        crm, draft = creating(bench), await a_task(bench)
        user = (await users(bench))[0]
        bench.delete_record(draft.record)
        for each in (draft, replace(draft, responsible=user)):
            failure = (await refusal(crm.create_task(each, key="t"))).failure
            assert isinstance(failure, Permanent)
            assert failure.gone == "record"

    async def test_tags_are_added_beside_those_that_are_there(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, TagsDeals):
            return
        record = await crm.create_record(DRAFT, key="record-1")
        draft = DealDraft(record=record, title="Диван", tags=("опт",))
        deal = await crm.create_deal(draft, key="deal-1")
        for _ in range(2):
            await crm.add_tags(deal, ("Telegram", "опт"))
        assert sorted(bench.tags(deal)) == ["Telegram", "опт"]


def soon(bench: Bench) -> datetime:
    return bench.http.now() + timedelta(minutes=15)
