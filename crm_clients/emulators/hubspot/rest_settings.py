"""What a portal tells of itself: its account, and the people that records are assigned to."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from channel_clients.emulators.stage import Response

from . import consent
from .call import Call, Route, page_of
from .crm_model import Json
from .model import User
from .problems import not_found, unauthenticated

OWNERS = frozenset({"crm.objects.owners.read"})
JOINED = "2024-01-17T19:55:04.281Z"


def get_account(call: Call) -> Response:
    portal = call.portal
    here = datetime.fromtimestamp(call.world.now(), UTC).astimezone(ZoneInfo(portal.zone))
    offset = here.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    body = {
        "portalId": portal.hub_id,
        "accountType": portal.account_type,
        "timeZone": portal.zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": [],
        "utcOffset": f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}",
        "utcOffsetMilliseconds": minutes * 60_000,
        "uiDomain": portal.ui_domain,
        "dataHostingLocation": "na1",
    }
    return Response.of(body)


def list_owners(call: Call) -> Response:
    """Owners by e-mail or all; who left is among the archived ones."""
    archived, email = call.flag("archived"), (call.param("email") or "").lower()
    people = sorted(call.portal.users.values(), key=lambda user: user.owner_id)
    rows = [
        owner(user)
        for user in people
        if user.is_active != archived and email in ("", user.email.lower())
    ]
    return page_of(call, rows, most=500, default=100)


def get_owner(call: Call) -> Response:
    by, number = call.param("idProperty") or "id", int(call.args[0])
    for user in call.portal.users.values():
        key = user.id if by == "userId" else user.owner_id
        if key == number and user.is_active != call.flag("archived"):
            return Response.of(owner(user))
    raise not_found(f"Owner {number} does not exist")


def owner(user: User) -> Json:
    told: Json = {
        "id": str(user.owner_id),
        "email": user.email,
        "type": "PERSON",
        "firstName": user.name,
        "lastName": user.last_name,
        "userIdIncludingInactive": user.id,
        "createdAt": JOINED,
        "updatedAt": JOINED,
        "archived": not user.is_active,
    }
    return {**told, "userId": user.id} if user.is_active else told


def remove_us(call: Call) -> Response:
    """Let an application remove itself from the portal."""
    if call.caller.app is None:
        raise unauthenticated("A token of an application is needed")
    consent.uninstall(call.world, call.portal, call.caller.app)
    return Response(status=204)


ROUTES = (
    Route("GET", r"account-info/details", get_account),
    Route("DELETE", r"appinstalls/external-install", remove_us),
    Route("GET", r"owners", list_owners, OWNERS),
    Route("GET", r"owners/(\d+)", get_owner, OWNERS),
)
