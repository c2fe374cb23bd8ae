"""The CRM lists our channels, and sorts by them what comes in."""

from middleware.operations.accounts import flow as accounts
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

NINA = 1001


def by(town: Town) -> Caller:
    return Caller(workspace=town.workspace, name="anna")


def listed(town: Town) -> list[tuple[str, str, int]]:
    sources = town.amocrm.world.account(ACCOUNT).sources.values()
    return [(source.external_id, source.name, source.pipeline_id) for source in sources]


async def test_what_comes_in_lands_in_the_pipeline_of_its_route(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_owner="crm"))) as town:
        retail = town.amocrm.add_pipeline(ACCOUNT, "Розница", ["Новые"])
        policy = {"deal_owner": "crm", "pipeline": str(retail.id)}
        await accounts.set_route(town.hub, by(town), town.bot, town.crm, policy)
        await town.settle()
        assert listed(town) == [("telegram:700100", "@shop_bot", retail.id)]

        town.telegram.say(NINA, "Здравствуйте", name="Нина")
        await town.settle()
        (lead,) = town.amocrm.leads(ACCOUNT)
        assert (lead["pipeline_id"], lead["is_unsorted"]) == (retail.id, True)


async def test_a_source_goes_with_its_route(town: Town) -> None:
    for _ in range(2):
        await accounts.set_route(town.hub, by(town), town.bot, town.crm, {})
        await town.settle()
        assert [name for name, _, _ in listed(town)] == ["telegram:700100"]
        await accounts.drop_route(town.hub, by(town), town.bot, town.crm)
        await town.settle()
        assert listed(town) == []


async def test_a_source_goes_with_its_channel(town: Town) -> None:
    await accounts.set_route(town.hub, by(town), town.bot, town.crm, {})
    await town.settle()
    await accounts.disconnect(town.hub, by(town), town.bot)
    await town.settle()
    assert listed(town) == []


async def test_an_account_that_takes_no_sources_works_without(town: Town) -> None:
    for integration in town.amocrm.world.integrations.values():
        integration.has_archive = False
    await accounts.set_route(town.hub, by(town), town.bot, town.crm, {})
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()

    assert town.entries() == ["Здравствуйте"]
    assert await town.count("SELECT count(*) FROM deliveries WHERE state <> 'done'") == 0
    findings = await accounts.diagnose(town.hub, by(town), town.crm)
    assert [one.level for one in findings if "sources" in one.what] == ["warning"]
