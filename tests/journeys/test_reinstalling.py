"""An account removes us and installs us again: the connection goes on where it was."""

import pytest

from crm_clients.amocrm.oauth import expiry_in
from middleware.connections.flow import Wanted, connect
from middleware.errors import Conflict
from middleware.operations.accounts import flow as accounts
from middleware.operations.model import Caller
from tests.journeys.town import ACCOUNT, Town

NINA = 1001


def by(town: Town) -> Caller:
    return Caller(workspace=town.workspace, name="anna")


async def install_again(town: Town) -> Wanted:
    """Consent anew: other tokens, the same account and the same registration."""
    (application,) = await town.hub.connections.applications()
    (integration,) = town.amocrm.world.integrations.values()
    account = town.amocrm.world.account(ACCOUNT)
    tokens = town.amocrm.tokens(integration.client_id, ACCOUNT)
    return Wanted(
        provider="amocrm",
        application=application.id,
        values={
            "base": f"{town.world.amocrm_base}/{ACCOUNT}",
            "account_id": str(account.id),
            "amojo_id": account.amojo_id,
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_at": expiry_in(tokens.access_token),
        },
    )


@pytest.mark.parametrize("told", [True, False])
async def test_a_reinstallation_takes_the_connection_up_again(town: Town, *, told: bool) -> None:
    (application,) = await town.hub.connections.applications()
    (integration,) = town.amocrm.world.integrations.values()
    integration.uninstall_url = town.hub.settings.hook_address(application.address)
    await accounts.set_route(town.hub, by(town), town.bot, town.crm, {})
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    (before,) = town.timeline()

    if not told:
        integration.uninstall_url = None
    town.amocrm.uninstall(integration.client_id, ACCOUNT)
    town.amocrm.world.account(ACCOUNT).sources.clear()
    await town.settle()
    if told:
        assert (await town.hub.connections.get(town.crm)).state == "needs_sign_in"
        town.telegram.say(NINA, "Вы где?")
        await town.settle()

    again = await connect(town.hub, town.workspace, await install_again(town))
    await town.settle()
    assert again.id == town.crm
    town.telegram.say(NINA, "Это снова я")
    await town.settle()
    town.reply(NINA, "Мы тут")
    await town.settle()

    (chat,) = town.timeline()
    assert (chat.chat_id, chat.contact_id) == (before.chat_id, before.contact_id)
    said = ["Здравствуйте", *(["Вы где?"] if told else []), "Это снова я", "Мы тут"]
    assert town.entries() == said
    assert town.seen_by(NINA) == ["Мы тут"]
    sources = town.amocrm.world.account(ACCOUNT).sources.values()
    assert [source.external_id for source in sources] == ["telegram:700100"]


async def test_an_account_that_works_is_not_connected_twice(town: Town) -> None:
    wanted = await install_again(town)
    with pytest.raises(Conflict, match="connected already"):
        await connect(town.hub, town.workspace, wanted)


async def test_leaving_puts_everything_back_but_the_keys(town: Town) -> None:
    await accounts.set_route(town.hub, by(town), town.bot, town.crm, {})
    await town.settle()
    account = town.amocrm.world.account(ACCOUNT)
    assert account.webhooks
    assert account.sources

    assert await accounts.disconnect(town.hub, by(town), town.crm) == ()

    assert not account.webhooks
    assert not account.sources
    assert not [
        channel
        for channel in town.amocrm.world.channels.values()
        if account.amojo_id in channel.connections
    ]
    codes = {field.code for field in account.fields["contacts"].values()}
    assert "THREADLINE_KEY" in codes
