"""Where a contact is reached: the properties that hold phones and e-mails.

HubSpot has two places for phones, and one for e-mails beside a list of others. What is there stays;
a third phone has no place.

Source: developers.hubspot.com/docs/api-reference/crm-contacts. That other e-mails may be written at
all, parted by semicolons, is known from integrations that do; where a portal refuses it, the rest
is written.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from crm_clients.hubspot.wire import CrmObject
from mappers.phones import e164
from mappers.vocabulary import ProviderError

PHONES = ("phone", "mobilephone")
EMAIL, MORE_EMAILS = "email", "hs_additional_emails"
ADDRESSES = (*PHONES, EMAIL, MORE_EMAILS)
READ_ONLY = "hubspot.invalid.READ_ONLY_VALUE"

WrittenT = TypeVar("WrittenT")


def phones_of(card: CrmObject) -> tuple[str, ...]:
    return tuple(filter(None, (card.of(name) for name in PHONES)))


def emails_of(card: CrmObject) -> tuple[str, ...]:
    more = (each.strip() for each in card.of(MORE_EMAILS).split(";"))
    return tuple(dict.fromkeys(filter(None, (card.of(EMAIL), *more))))


def additions(card: CrmObject, phones: Iterable[str], emails: Iterable[str]) -> dict[str, str]:
    """What to write so that a card has these, too, as far as it has room for them."""
    return _more_phones(card, phones) | _more_emails(card, emails)


async def as_allowed(
    write: Callable[[Mapping[str, str]], Awaitable[WrittenT]], wanted: Mapping[str, str]
) -> WrittenT:
    """Write to a contact; without the list of other e-mails where the portal keeps it to itself.

    Raises: `ProviderError`.
    """
    try:
        return await write(wanted)
    except ProviderError as refused:
        if refused.failure.code != READ_ONLY or MORE_EMAILS not in wanted:
            raise
    return await write({name: value for name, value in wanted.items() if name != MORE_EMAILS})


def _more_phones(card: CrmObject, wanted: Iterable[str]) -> dict[str, str]:
    there = {_number(each) for each in phones_of(card)}
    fresh = [each for each in wanted if _number(each) not in there]
    free = [name for name in PHONES if not card.of(name)]
    return dict(zip(free, fresh, strict=False))


def _more_emails(card: CrmObject, wanted: Iterable[str]) -> dict[str, str]:
    there = emails_of(card)
    held = {each.casefold() for each in there}
    fresh = [each for each in wanted if each.casefold() not in held]
    if not fresh:
        return {}
    first, more = ({}, fresh) if card.of(EMAIL) else ({EMAIL: fresh[0]}, fresh[1:])
    if not more:
        return first
    listed = [each for each in there if each != card.of(EMAIL)]
    return {**first, MORE_EMAILS: ";".join((*listed, *more))}


def _number(phone: str) -> str:
    """What two spellings of one phone have in common."""
    return e164(phone) or phone
