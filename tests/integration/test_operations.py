"""What people do with deliveries, held replies, parcels, routes and keys; against PostgreSQL."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from mappers.vocabulary import DeliveryKind, DeliveryState, Status
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.errors import BadRequest, Conflict, NotFound
from middleware.hub import Hub
from middleware.operations.access import flow as access
from middleware.operations.access.flow import HubIsRunning
from middleware.operations.accounts import flow as accounts
from middleware.operations.accounts.flow import BadRoute
from middleware.operations.arrivals import flow as arrivals
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import Bulk, How, NotHeld, NotReplayable
from middleware.operations.deliveries.model import Decision, Filter
from middleware.operations.model import Caller
from middleware.operations.rules import masked_email, masked_id, masked_number, masked_text
from middleware.secrets import Vault, load_keys
from middleware.store.policy import Policy
from middleware.store.rows import Parcelled
from middleware.webhooks.keys import digest_of
from tests.builders import (
    a_connection,
    a_conversation,
    a_delivery,
    a_held_reply,
    a_message,
    a_stranger,
    states_of,
)


async def one(hub: Hub, query: Any) -> Any:
    async with transaction(hub.engine) as at:
        return (await at.execute(query)).one()


async def lane_of(hub: Hub, delivery: UUID) -> Any:
    of = tables.deliveries.c
    query = select(tables.lanes, of.seq).join(tables.deliveries, of.lane_id == tables.lanes.c.id)
    return await one(hub, query.where(of.id == delivery))


async def deeds(hub: Hub, caller: Caller) -> list[str]:
    page = await access.audit(hub, caller)
    return [line.action for line in reversed(page.items)]


class TestReplay:
    @pytest.mark.parametrize("state", [DeliveryState.DEAD, DeliveryState.HELD])
    async def test_it_goes_to_the_end_of_its_lane_and_is_due_now(
        self, hub: Hub, anna: Caller, state: DeliveryState
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        dead = await a_delivery(
            hub, crm, state, lane="thread:1", detail={"stops_lane": True, "looks": 3}, failures=4
        )
        later = await a_delivery(hub, crm, lane="thread:1")
        assert await flow.replay(hub, anna, dead)
        lane = await lane_of(hub, dead)
        assert (lane.seq, lane.tail) == (3, 3)
        assert lane.due_at is not None
        assert await states_of(hub, dead, later) == ["ready", "ready"]
        row = await one(hub, select(tables.deliveries).where(tables.deliveries.c.id == dead))
        # That a person asked is remembered: such a reply has no deadline any more.
        assert (row.failures, row.code, row.detail) == (0, "", {"asked": ""})
        assert await deeds(hub, anna) == ["delivery.replayed"]

    async def test_a_lane_that_is_put_off_stays_put_off(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        dead = await a_delivery(hub, crm, DeliveryState.DEAD, lane="thread:1")
        await a_delivery(hub, crm, lane="thread:1")
        later = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 1)
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.lanes).values(due_at=later))
        before = (await lane_of(hub, dead)).due_at
        await flow.replay(hub, anna, dead)
        assert (await lane_of(hub, dead)).due_at == before

    @pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.SKIPPED])
    async def test_what_is_settled_is_done_again_only_on_purpose(
        self, hub: Hub, anna: Caller, state: DeliveryState
    ) -> None:
        delivery = await a_delivery(hub, await a_connection(hub, anna.workspace), state)
        with pytest.raises(NotReplayable, match="again"):
            await flow.replay(hub, anna, delivery)
        assert await flow.replay(hub, anna, delivery, How(again=True))

    @pytest.mark.parametrize(
        "state", [DeliveryState.READY, DeliveryState.CALLING, DeliveryState.DOUBT]
    )
    async def test_what_is_under_way_is_left_alone(
        self, hub: Hub, anna: Caller, state: DeliveryState
    ) -> None:
        delivery = await a_delivery(hub, await a_connection(hub, anna.workspace), state)
        with pytest.raises(NotReplayable, match="under way"):
            await flow.replay(hub, anna, delivery, How(again=True))
        assert await states_of(hub, delivery) == [state]

    async def test_a_superseded_revision_is_refused(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        dead, kind, subject = DeliveryState.DEAD, DeliveryKind.WRITE_EDIT, UUID(int=7)
        old = await a_delivery(hub, crm, dead, kind, subject=subject, revision=1)
        new = await a_delivery(hub, crm, dead, kind, subject=subject, revision=2)
        with pytest.raises(NotReplayable, match="Revision 2 has replaced"):
            await flow.replay(hub, anna, old)
        assert await flow.replay(hub, anna, new)

    async def test_what_waited_for_something_skipped_finds_out_by_itself(
        self, hub: Hub, anna: Caller
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        skipped = await a_delivery(hub, crm, DeliveryState.SKIPPED, DeliveryKind.ENSURE_CONTACT)
        write = await a_delivery(hub, crm, DeliveryState.DEAD, after=skipped)
        await flow.replay(hub, anna, write)
        assert (await flow.show(hub, anna, write)).after is None

    async def test_a_request_repeated_under_its_key_does_nothing(
        self, hub: Hub, anna: Caller
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        delivery = await a_delivery(hub, crm, DeliveryState.DEAD)
        assert await flow.replay(hub, anna, delivery, How(key="k1"))
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.deliveries).values(state="dead"))
        assert not await flow.replay(hub, anna, delivery, How(key="k1"))
        assert await states_of(hub, delivery) == ["dead"]
        assert await flow.replay(hub, anna, delivery, How(key="k2"))

    async def test_nobody_replays_what_is_another_workspace_s(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        delivery = await a_delivery(hub, crm, DeliveryState.DEAD)
        with pytest.raises(NotFound):
            await flow.replay(hub, await a_stranger(hub), delivery)

    async def test_what_is_owed_to_a_removed_connection_is_refused(
        self, hub: Hub, anna: Caller
    ) -> None:
        gone = await a_connection(hub, anna.workspace, state="removed")
        delivery = await a_delivery(hub, gone, DeliveryState.DEAD)
        with pytest.raises(NotReplayable, match="disconnected"):
            await flow.replay(hub, anna, delivery)


class TestReplayOfMany:
    async def test_the_estimate_counts_and_changes_nothing(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm", title="CRM")
        dead = [await a_delivery(hub, crm, DeliveryState.DEAD) for _ in range(3)]
        await a_delivery(hub, crm, DeliveryState.HELD)
        (group,) = await flow.estimate(hub, anna, Filter())
        assert (group.title, group.kind, group.state, group.count) == ("CRM", "write", "dead", 3)
        assert group.oldest <= group.newest
        assert await states_of(hub, *dead) == ["dead"] * 3

    async def test_order_is_kept_pages_go_on_and_refusals_stop_nothing(
        self, hub: Hub, anna: Caller
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        subject, kind = UUID(int=9), DeliveryKind.WRITE_EDIT
        for revision in (1, 2):
            await a_delivery(hub, crm, DeliveryState.DEAD, kind, subject=subject, revision=revision)
        dead = [await a_delivery(hub, crm, DeliveryState.DEAD, lane="t") for _ in range(3)]
        first = await flow.replay_many(hub, anna, Filter(), Bulk(limit=3))
        assert (len(first.replayed), list(first.refused.values())) == (2, [1])
        rest = await flow.replay_many(hub, anna, Filter(), Bulk(limit=3, cursor=first.next))
        assert rest.replayed == tuple(dead[1:])
        assert rest.next == ""
        seqs = [(await lane_of(hub, delivery)).seq for delivery in dead]
        assert seqs == sorted(seqs)

    async def test_only_what_is_meant_is_touched(self, hub: Hub, anna: Caller) -> None:
        crm, bot = [await a_connection(hub, anna.workspace, p) for p in ("amocrm", "telegram")]
        ours = await a_delivery(hub, crm, DeliveryState.DEAD, code="http.400")
        others = [
            await a_delivery(hub, bot, DeliveryState.DEAD, code="http.400"),
            await a_delivery(hub, crm, DeliveryState.DEAD, code="http.404"),
        ]
        wanted = Filter(connection=crm, code="http.400")
        done = await flow.replay_many(hub, anna, wanted, Bulk())
        assert done.replayed == (ours,)
        assert await states_of(hub, *others) == ["dead", "dead"]


class TestLists:
    async def test_pages_follow_each_other_to_the_end(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        made = [await a_delivery(hub, bot) for _ in range(5)]
        seen, cursor = [], ""
        while True:
            page = await flow.find(hub, anna, Filter(), cursor=cursor, limit=2)
            seen += [line.id for line in page.items]
            cursor = page.next
            if not cursor:
                break
        assert seen == made[::-1]

    async def test_a_foreign_cursor_is_refused(self, hub: Hub, anna: Caller) -> None:
        with pytest.raises(BadRequest, match="cursor"):
            await flow.find(hub, anna, Filter(), cursor="'; DROP")


class TestHeld:
    async def test_sent_by_a_person_s_word_tells_the_operator_once_all_parts_are(
        self, hub: Hub, anna: Caller
    ) -> None:
        message = await a_held_reply(hub, anna.workspace, parts=2)
        done = await flow.settle(hub, anna, message, Decision.SENT)
        assert await states_of(hub, *done.deliveries) == ["done", "done"]
        assert await self.status(hub, message) == Status.SENT
        assert await self.reports(hub) == [{"status": "sent", "doubt": "", "code": ""}]

    async def test_one_part_of_two_says_nothing_yet(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace, parts=2)
        first = (await flow.held_parts(hub, anna, message))[0]
        await flow.settle(hub, anna, first.id, Decision.SENT)
        assert await self.reports(hub) == []

    async def test_dropped_means_failed_for_the_operator(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace, parts=2)
        done = await flow.settle(hub, anna, message, Decision.DROP)
        assert await states_of(hub, *done.deliveries) == ["skipped", "skipped"]
        assert await self.status(hub, message) == Status.FAILED
        assert [r["code"] for r in await self.reports(hub)] == ["hub.dropped"]

    async def test_sent_again_keeps_its_parts_in_order(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace, parts=3)
        done = await flow.settle(hub, anna, message, Decision.SEND)
        seqs = [(await lane_of(hub, delivery)).seq for delivery in done.deliveries]
        assert seqs == [4, 5, 6]
        assert (await lane_of(hub, done.deliveries[0])).due_at is not None

    async def test_a_second_decision_is_refused(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace)
        await flow.settle(hub, anna, message, Decision.SENT)
        with pytest.raises(NotHeld, match="already"):
            await flow.settle(hub, anna, message, Decision.SEND)

    async def test_a_dead_reply_that_had_arrived_is_told_of(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace)
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.deliveries).values(state="dead"))
            await at.execute(update(tables.messages).values(status="failed"))
        await flow.settle(hub, anna, message, Decision.SENT)
        assert await self.status(hub, message) == Status.SENT

    async def test_only_a_reply_can_have_arrived(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        held = await a_delivery(hub, crm, DeliveryState.HELD)
        with pytest.raises(NotHeld, match="Only a reply"):
            await flow.settle(hub, anna, held, Decision.SENT)
        await flow.settle(hub, anna, held, Decision.DROP)

    async def test_what_waited_for_a_dropped_one_is_looked_at(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        held = await a_delivery(hub, crm, DeliveryState.HELD, DeliveryKind.ENSURE_CONTACT)
        waits = await a_delivery(hub, crm, after=held)
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.lanes).values(due_at=func.to_timestamp(4102444800)))
        await flow.settle(hub, anna, held, Decision.DROP)
        assert (await lane_of(hub, waits)).due_at.year < 2100

    @staticmethod
    async def status(hub: Hub, message: UUID) -> str:
        of = tables.messages.c
        return str((await one(hub, select(of.status).where(of.id == message))).status)

    @staticmethod
    async def reports(hub: Hub) -> list[dict[str, Any]]:
        of = tables.deliveries.c
        async with transaction(hub.engine) as at:
            rows = await at.execute(select(of.detail).where(of.kind == "report"))
            return [{k: v for k, v in row.detail.items() if k != "closed"} for row in rows]


class TestInbox:
    async def test_what_was_set_aside_is_read_again(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        parcels = [
            Parcelled(connection=bot, digest=digest_of(key), form="hook", body=key.encode())
            for key in "ab"
        ]
        await hub.store.append(parcels)
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.inbox).values(state="set_aside", tries=4, note="x"))
        page = await arrivals.set_aside(hub, anna, bot)
        first, second = (line.arrival for line in page.items)
        assert await arrivals.read_again(hub, anna, bot, [second]) == (second,)
        row = await one(hub, select(tables.inbox).where(tables.inbox.c.arrival == second))
        assert (row.state, row.tries) == ("new", 0)
        assert await arrivals.read_again(hub, anna, bot) == (first,)
        with pytest.raises(NotFound):
            await arrivals.read_again(hub, anna, bot, [first])

    async def test_a_parcel_without_its_body_stays(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        parcel = Parcelled(connection=bot, digest=digest_of("a"), form="hook", body=b"a")
        await hub.store.append([parcel])
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.inbox).values(state="set_aside"))
            await at.execute(tables.bodies.delete())
        assert await arrivals.read_again(hub, anna, bot) == ()


class TestRoutes:
    async def test_a_good_policy_is_kept(self, hub: Hub, anna: Caller) -> None:
        bot, crm = [await a_connection(hub, anna.workspace, p) for p in ("telegram", "amocrm")]
        await accounts.set_route(hub, anna, bot, crm, {"deal_owner": "crm", "pipeline": "7"})
        (route,) = await accounts.routes(hub, anna)
        assert (route.policy.deal_owner, route.policy.pipeline) == ("crm", "7")
        await accounts.drop_route(hub, anna, bot, crm)
        assert await accounts.routes(hub, anna) == ()

    async def test_everything_that_is_wrong_is_said_at_once(self, hub: Hub, anna: Caller) -> None:
        bot, crm = [await a_connection(hub, anna.workspace, p) for p in ("telegram", "amocrm")]
        policy = {"deal_owner": "nobody", "color": "red", "stage": "2"}
        with pytest.raises(BadRoute) as refused:
            await accounts.set_route(hub, anna, crm, bot, policy)
        said = str(refused.value)
        for part in ("begins at a channel", "ends at a CRM", "“color”", "hub, crm", "pipeline"):
            assert part in said

    async def test_what_is_not_named_stays_and_can_be_put_back(
        self, hub: Hub, anna: Caller
    ) -> None:
        bot, crm = [await a_connection(hub, anna.workspace, p) for p in ("telegram", "amocrm")]
        change = partial(accounts.change_route, hub, anna, bot, crm)
        await change({"deal_owner": "crm", "pilot": ["@Nina"]})
        kept = await change({"pipeline": "7"})
        assert kept == Policy(deal_owner="crm", pipeline="7", pilot=("@nina",))
        assert await change({"deal_owner": None, "pilot": None}) == Policy(pipeline="7")
        assert await accounts.set_route(hub, anna, bot, crm, {}) == Policy()

    async def test_what_cannot_be_put_back_is_said(self, hub: Hub, anna: Caller) -> None:
        bot, crm = [await a_connection(hub, anna.workspace, p) for p in ("telegram", "amocrm")]
        with pytest.raises(BadRoute, match="“color”"):
            await accounts.change_route(hub, anna, bot, crm, {"color": None})

    async def test_a_stopped_route_begins_anew(self, hub: Hub, anna: Caller) -> None:
        bot, crm = [await a_connection(hub, anna.workspace, p) for p in ("telegram", "amocrm")]
        await accounts.change_route(hub, anna, bot, crm, {"pipeline": "7"})
        await accounts.drop_route(hub, anna, bot, crm)
        assert await accounts.change_route(hub, anna, bot, crm, {}) == Policy()

    async def test_no_route_leads_to_another_workspace(self, hub: Hub, anna: Caller) -> None:
        stranger = await a_stranger(hub)
        bot = await a_connection(hub, anna.workspace)
        crm = await a_connection(hub, stranger.workspace, "amocrm")
        with pytest.raises(NotFound):
            await accounts.set_route(hub, anna, bot, crm, {})

    async def test_a_registration_belongs_to_one_workspace(self, hub: Hub, anna: Caller) -> None:
        values = {"client_id": "one", "client_secret": "hush"}
        first, hooks = await accounts.register(hub, anna, "amocrm", values)
        again, same = await accounts.register(
            hub, anna, "amocrm", {"client_id": "one", "channel_id": "7"}
        )
        assert (first, hooks) == (again, same)
        found = await accounts.own_application(hub, anna, first)
        kept = hub.vault.open(found.config)
        assert (kept["client_secret"], kept["channel_id"]) == ("hush", "7")
        assert kept["redirect_uri"] == "https://hub.example/oauth/amocrm/callback"
        with pytest.raises(Conflict, match="another workspace"):
            await accounts.register(hub, await a_stranger(hub), "amocrm", values)


class TestHealthOfConnections:
    async def test_troubles_are_counted(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        await a_connection(hub, anna.workspace, state="removed")
        await a_delivery(hub, bot, DeliveryState.HELD)
        parcel = Parcelled(connection=bot, digest=digest_of("a"), form="hook", body=b"a")
        await hub.store.append([parcel])
        row = await hub.connections.get(bot)
        hub.refusals.count(row.address, "forged")
        await hub.refusals.write(hub.engine)
        (health,) = await accounts.health(hub, anna)
        assert (health.unread, health.held, health.refused) == (1, 1, 1)
        assert health.last_arrival is not None


class TestSecrets:
    async def test_rotation_leaves_everything_readable(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        done = await access.rotate_secrets(hub, anna, drop_old=False)
        assert (done.resealed, done.keys) == (1, 2)
        new_alone = Vault(load_keys(hub.settings)[:1])
        assert "token" in new_alone.open((await hub.connections.get(bot)).config)

    async def test_old_keys_go_when_asked(self, hub: Hub, anna: Caller) -> None:
        before = load_keys(hub.settings)
        await access.rotate_secrets(hub, anna, drop_old=True)
        assert len(load_keys(hub.settings)) == 1
        assert not set(before) & set(load_keys(hub.settings))

    async def test_a_running_hub_is_not_locked_out(self, hub: Hub, anna: Caller) -> None:
        await hub.store.pulse()
        with pytest.raises(HubIsRunning):
            await access.rotate_secrets(hub, anna, drop_old=False)

    async def test_keys_of_the_environment_are_left_to_people(self, hub: Hub, anna: Caller) -> None:
        (key,) = load_keys(hub.settings)
        settings = hub.settings.model_copy(update={"secret_keys": SecretStr(key)})
        given = replace(hub, settings=settings)
        with pytest.raises(Conflict, match="THREADLINE_SECRET_KEYS"):
            await access.rotate_secrets(given, anna, drop_old=False)
        assert (await access.reseal_secrets(given, anna)).keys == 1


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        (masked_text("Да, +7 916 111"), "Д•, +• ••• •••"),
        (masked_text("Я" * 200), "Я" + "•" * 119 + "…"),
        (masked_number("+79161112233"), "+7•••33"),
        (masked_email("ivan@mail.example.ru"), "i•••@m•••.ru"),
        (masked_id("telegram:700100:501"), "telegram:700100:501"),
        (masked_id("whatsapp:79161112233"), "whatsapp:7•••33"),
    ],
)
def test_masking_keeps_the_shape_alone(shown: str, hidden: str) -> None:
    assert shown == hidden


async def test_a_reply_that_failed_and_is_replayed_may_be_told_of_again(
    hub: Hub, anna: Caller
) -> None:
    crm, bot = [await a_connection(hub, anna.workspace, p) for p in ("amocrm", "telegram")]
    conversation = await a_conversation(hub, bot)
    message = await a_message(hub, conversation, crm)
    dead = await a_delivery(
        hub, bot, DeliveryState.DEAD, DeliveryKind.SEND, subject=message, message_id=message
    )
    async with transaction(hub.engine) as at:
        await at.execute(update(tables.messages).values(status="failed"))
    await flow.replay(hub, anna, dead)
    assert await TestHeld.status(hub, message) == Status.QUEUED
