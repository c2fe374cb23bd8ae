"""Specimens of amoCRM's answers, replayed; each says where it comes from."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr
import yaml
from pydantic import SecretStr

from crm_clients.amocrm import AmoCrm, Application, Config
from mappers.vocabulary import (
    Ambiguous,
    Arrival,
    AuthExpired,
    Blocked,
    Direction,
    Entry,
    HistoryRead,
    Identity,
    IdentityKind,
    Message,
    OpenedConversation,
    Opening,
    OperatorReplied,
    Origin,
    Parcel,
    Permanent,
    Person,
    ProviderError,
    RateLimited,
    Receipt,
    RecordDraft,
    Transient,
)
from tests.port import NOON, LoopbackHttp

CASSETTES = Path(__file__).parents[1] / "cassettes/amocrm"
APPLICATION = Application(
    client_id="6f3b0c1e-0000-4000-8000-000000000001",
    client_secret=SecretStr("REDACTED-SECRET"),
    redirect_uri="https://hub.example.com/oauth",
    channel_id="344a5002-f8ca-454d-af3d-396180102ac7",
    channel_secret=SecretStr("REDACTED-CHANNEL"),
)
CONFIG = Config(
    base="https://acme.amocrm.ru",
    account_id="28805383",
    amojo_id="52e591f7-c98f-4255-8495-827210138c81",
    access_token=SecretStr("REDACTED-ACCESS"),
    refresh_token=SecretStr("REDACTED-REFRESH"),
    record_marker_field=271316,
)
PHONE = Identity(kind=IdentityKind.PHONE, value="+79151112233", evidence="telegram.contact_shared")
USER = Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:100500", evidence="telegram.from")
PERSON = Person(identities=(USER, PHONE), name="Пётр Клиент")
DRAFT = RecordDraft(name="Пётр Клиент", phones=("+79151112233",), emails=("p@example.com",))
OPENED = OpenedConversation(
    id="6cbab3d5-c4c1-46ff-b710-ad59ad10805f", user="86a0caef-41ec-49ac-814b-b27da2cea267"
)
SAID_AT = datetime(2025, 7, 4, 9, 40, 0, 123000, tzinfo=UTC)
ENTRY = Entry(
    key="entry-1",
    conversation=OPENED,
    ours="tg-100500",
    record="40401635",
    person=PERSON,
    message=Message(
        origin=Origin("telegram", "7", "100500:77"),
        conversation="100500",
        author="100500",
        direction=Direction.INBOUND,
        sent_at=SAID_AT,
        text="Когда доставка?",
    ),
    text="Когда доставка?",
)


async def failure_of(attempt: Awaitable[object]) -> Any:
    with pytest.raises(ProviderError) as caught:
        await attempt
    return caught.value.failure


async def search(crm: AmoCrm) -> None:
    (found,) = await crm.find_records(PHONE)
    assert (found.id, found.phones, found.deals) == (
        "7143599",
        ("+7 (915) 111-22-33",),
        ("10185151",),
    )
    assert await crm.find_records(PHONE) == ()


async def create(crm: AmoCrm) -> None:
    assert await crm.create_record(DRAFT, key="record-1") == "40401635"
    refused = await failure_of(crm.create_record(DRAFT, key="record-1"))
    assert isinstance(refused, Permanent)
    assert (refused.code, refused.gone) == ("amocrm.invalid.NotSupportedChoice", "")


async def open(crm: AmoCrm) -> None:  # noqa: A001  # replays are named as their cassettes
    opening = Opening(ours="tg-100500", record="40401635", person=PERSON)
    assert await crm.open_conversation(opening) == OPENED


async def write(crm: AmoCrm) -> None:
    receipts = [await crm.write(ENTRY) for _ in range(2)]
    assert receipts == [
        Receipt(provider_ids=("8f1176d7-c357-42b0-b944-a15d537a27d3",)),
        Receipt(provider_ids=("8e6afe4e-a08a-4801-b6cb-37963c1a6f3c",)),
    ]


async def history(crm: AmoCrm) -> None:
    found = await crm.find_entry(ENTRY, SAID_AT)
    assert found == Receipt(provider_ids=("8f1176d7-c357-42b0-b944-a15d537a27d3",))
    (page,) = await crm.read_history(OPENED, "tg-100500", SAID_AT)
    reply, end = crm.read(arrival_of(page)).events
    assert isinstance(reply, OperatorReplied)
    assert (reply.message.text, reply.ours, reply.recovered) == ("Курьер выехал", "tg-100500", True)
    assert end == HistoryRead(conversation=OPENED.id)
    (nothing,) = await crm.read_history(OPENED, "tg-100500", SAID_AT)
    assert crm.read(arrival_of(nothing)).events == (end,)


async def token_revoked(crm: AmoCrm) -> None:
    assert await failure_of(crm.refresh()) == AuthExpired(code="amocrm.grant_refused")


async def limits(crm: AmoCrm) -> None:
    assert isinstance(await failure_of(crm.check()), RateLimited)
    blocked = await failure_of(crm.check())
    assert isinstance(blocked, Blocked)
    assert (blocked.code, blocked.by) == ("amocrm.blocked", "provider")


async def server_error(crm: AmoCrm) -> None:
    assert isinstance(await failure_of(crm.check()), Transient)
    assert isinstance(await failure_of(crm.create_record(DRAFT, key="record-1")), Ambiguous)


REPLAYS: dict[str, Callable[[AmoCrm], Awaitable[None]]] = {
    replay.__name__: replay
    for replay in (search, create, open, write, history, token_revoked, limits, server_error)
}


def arrival_of(parcel: Parcel) -> Arrival:
    return Arrival(body=parcel.body, form=parcel.form, received_at=NOON)


def test_every_cassette_is_replayed_and_every_replay_has_one() -> None:
    assert {path.stem for path in CASSETTES.iterdir()} == set(REPLAYS)


@pytest.mark.parametrize("name", sorted(REPLAYS))
async def test_replay(name: str) -> None:
    player = vcr.VCR(record_mode="none", match_on=("method", "uri", "body"))
    with player.use_cassette(str(CASSETTES / f"{name}.yaml")) as cassette:
        async with httpx.AsyncClient(trust_env=False) as client:
            await REPLAYS[name](AmoCrm(CONFIG, APPLICATION, LoopbackHttp(client)))
    assert cassette.all_played


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_a_cassette_says_where_it_comes_from(path: Path) -> None:
    said: dict[str, Any] = yaml.safe_load(path.read_text())["metadata"]
    assert set(said) == {"provenance", "source", "read_on"}
    # Nothing has been recorded from amoCRM itself, and nothing may claim so.
    assert said["provenance"] in {"documented", "reported", "emulated"}
    assert len(said["source"]) > 20
    assert isinstance(said["read_on"], date)
