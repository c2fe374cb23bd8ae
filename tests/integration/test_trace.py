"""A trace tells the whole story, whichever id it starts from, and keeps customers' words."""

from pathlib import Path

import pytest

from middleware.errors import NotFound
from middleware.hub import Hub
from middleware.operations.access import flow as access
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.model import Filter
from middleware.operations.model import Caller
from middleware.operations.trace import flow as tracing
from tests.builders import WORDS, a_caller, a_held_reply, a_stranger
from tests.journeys.town import open_town


class TestTrace:
    async def test_every_id_leads_to_the_whole_story(
        self, postgres_url: str, tmp_path: Path
    ) -> None:
        async with open_town(postgres_url, tmp_path) as town:
            town.telegram.say(1001, WORDS)
            await town.settle()
            town.reply(1001, "Сегодня до шести")
            await town.settle()
            anna = await a_caller(town.hub)
            page = await flow.find(town.hub, anna, Filter())
            written = next(line for line in page.items if line.kind == "write")
            told = await tracing.trace(town.hub, anna, str(written.id), raw=True)
            (message,) = told.messages
            assert message.arrival is not None
            assert told.contact is not None
            entry = next(n.name for n in message.names if n.connection == town.crm)
            number = f"#{message.arrival.arrival}"
            record = told.contact.links[0].record
            asked = (str(message.id), message.origin, entry, number, record)
            others = [await tracing.trace(town.hub, anna, name) for name in asked]
        assert WORDS in message.text
        assert str(1001) in message.arrival.body
        assert message.arrival.means == ("MessageArrived",)
        assert [each.attempts[-1].outcome for each in message.deliveries] == ["done"]
        assert message.deliveries[0].attempts[0].exchanges[0]["status"] == 200
        kinds = {each.line.kind for each in told.deliveries}
        assert kinds == {"ensure_contact", "ensure_deal", "open_conversation"}
        assert told.conversations[0].counterparts[0].record == record
        for other in others:
            assert message.id in {each.id for each in other.messages}
            assert WORDS not in str([each.text for each in other.messages])
            assert not other.arrival or not other.arrival.body

    async def test_the_way_of_a_reply_is_told_both_ways(
        self, postgres_url: str, tmp_path: Path
    ) -> None:
        async with open_town(postgres_url, tmp_path) as town:
            town.telegram.say(1001, WORDS)
            await town.settle()
            town.reply(1001, "Сегодня до шести")
            await town.settle()
            anna = await a_caller(town.hub)
            sent = next(
                line
                for line in (await flow.find(town.hub, anna, Filter())).items
                if line.kind == "send"
            )
            told = await tracing.trace(town.hub, anna, str(sent.id))
        (reply,) = told.messages
        assert (reply.direction, reply.status) == ("outbound", "sent")
        assert reply.arrival is not None
        assert {name.connection for name in reply.names} == {town.bot, town.crm}
        assert {each.line.kind for each in reply.deliveries} == {"send", "report"}

    async def test_what_is_another_workspace_s_is_not_found(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace)
        told = await tracing.trace(hub, anna, str(message))
        names = [name.name for each in told.messages for name in each.names]
        for asked in (str(message), *names):
            with pytest.raises(NotFound):
                await tracing.trace(hub, await a_stranger(hub), asked)

    async def test_whoever_looks_at_words_in_clear_is_written_down(
        self, hub: Hub, anna: Caller
    ) -> None:
        message = await a_held_reply(hub, anna.workspace)
        await tracing.trace(hub, anna, str(message))
        await tracing.trace(hub, anna, str(message), raw=True)
        (line,) = (await access.audit(hub, anna)).items
        assert (line.action, line.subject) == ("trace.seen_in_clear", str(message))
