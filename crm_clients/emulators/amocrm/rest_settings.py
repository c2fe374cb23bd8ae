"""REST: the account itself — users, pipelines, tags, custom fields, and who is told of changes."""

from channel_clients.emulators.stage import Response

from . import cards, fields, php
from .call import Call, created, page, sound
from .model import (
    INCOMING_LEADS,
    LOST,
    WON,
    CustomField,
    Json,
    Pipeline,
    Status,
    Subscription,
    User,
)
from .problems import empty, hal, invalid_item, mistake, problem

WEBHOOK_LIMIT = 100
_OF_ALL = ("add", "update", "delete", "responsible")
_ENTITIES = ("lead", "contact", "company", "customer", "task")
EVENTS = frozenset(
    {
        *(f"{action}_{entity}" for action in _OF_ALL for entity in _ENTITIES),
        *(f"restore_{entity}" for entity in ("lead", "contact", "company")),
        *(f"note_{entity}" for entity in ("lead", "contact", "company", "customer")),
        *("status_lead", "add_talk", "update_talk", "add_chat_template_review"),
        *("add_message", "add_outgoing_message"),
    }
)
UNLISTED = frozenset({"add_unsorted", "update_unsorted", "delete_unsorted"})
COLORS = {WON: "#CCFF66", LOST: "#D5D8DB"}


def get_account(call: Call) -> Response:
    account = call.account
    shown: Json = {
        "id": account.id,
        "name": account.name,
        "subdomain": account.subdomain,
        "current_user_id": call.token.user_id,
        "country": "RU",
        "customers_mode": "unavailable",
        "is_unsorted_on": True,
        "is_loss_reason_enabled": True,
        "is_helpbot_enabled": False,
        "is_technical_account": False,
        "contact_name_display_order": 1,
        "uuid": account.uuid,
        "_links": call.link("/account"),
    }
    optional: Json = {
        "amojo_id": account.amojo_id,
        "version": 2,
        "drive_url": "https://drive-b.amocrm.ru",
        "is_api_filter_enabled": account.is_api_filter_enabled,
    }
    shown |= {name: value for name, value in optional.items() if call.wants(name)}
    embedded: Json = {
        "users_groups": [{"id": 0, "name": "Отдел продаж", "uuid": None}],
        "amojo_rights": {"can_direct": True, "can_create_groups": True},
        "task_types": [
            {"id": 1, "name": "Связаться", "color": None, "icon_id": None, "code": "FOLLOW_UP"},
            {"id": 2, "name": "Встреча", "color": None, "icon_id": None, "code": "MEETING"},
        ],
        "datetime_settings": {"timezone": "Europe/Moscow", "timezone_offset": "+03:00"},
    }
    chosen = {name: value for name, value in embedded.items() if call.wants(name)}
    return hal({**shown, **({"_embedded": chosen} if chosen else {})})


def list_users(call: Call) -> Response:
    users = list(call.account.users.values())
    return page(call, "users", users, lambda user: _shown_user(call, user))


def get_user(call: Call) -> Response:
    user = call.account.users.get(int(call.args[0]))
    return empty() if user is None else hal(_shown_user(call, user))


def _shown_user(call: Call, user: User) -> Json:
    shown: Json = {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "lang": "ru",
        "rights": {
            "mail_access": True,
            "catalog_access": True,
            "is_admin": user.is_admin,
            "is_free": False,
            "is_active": user.is_active,
            "group_id": None,
            "role_id": None,
            "status_rights": [],
        },
        "_links": call.link(f"/users/{user.id}"),
    }
    return {**shown, **({"amojo_id": user.amojo_id} if call.wants("amojo_id") else {})}


def list_pipelines(call: Call) -> Response:
    pipelines = list(call.account.pipelines.values())
    return page(call, "pipelines", pipelines, lambda each: _shown_pipeline(call, each))


def get_pipeline(call: Call) -> Response:
    pipeline = call.account.pipelines.get(int(call.args[0]))
    return empty() if pipeline is None else hal(_shown_pipeline(call, pipeline))


def list_statuses(call: Call) -> Response:
    pipeline = call.account.pipelines.get(int(call.args[0]))
    if pipeline is None:
        return problem(404, "Requested entity not found")
    shown = _shown_pipeline(call, pipeline)["_embedded"]["statuses"]
    return page(call, "statuses", shown, lambda status: status)


def _shown_pipeline(call: Call, pipeline: Pipeline) -> Json:
    statuses = [_shown_status(call, pipeline, status) for status in pipeline.statuses]
    return {
        "id": pipeline.id,
        "name": pipeline.name,
        "sort": 1,
        "is_main": pipeline.is_main,
        "is_unsorted_on": True,
        "is_archive": False,
        "account_id": call.account.id,
        "_links": call.link(f"/leads/pipelines/{pipeline.id}"),
        "_embedded": {"statuses": statuses},
    }


def _shown_status(call: Call, pipeline: Pipeline, status: Status) -> Json:
    return {
        "id": status.id,
        "name": status.name,
        "sort": status.sort,
        "is_editable": status.type != INCOMING_LEADS and status.id not in (WON, LOST),
        "pipeline_id": pipeline.id,
        "color": COLORS.get(status.id, "#99CCFF"),
        "type": status.type,
        "account_id": call.account.id,
        "_links": call.link(f"/leads/pipelines/{pipeline.id}/statuses/{status.id}"),
    }


def list_tags(call: Call) -> Response:
    found = call.account.tags.get(call.args[0], [])
    names = php.chosen(call.request.query, "filter", "name")
    query = (call.request.param("query") or "").lower()
    found = [
        tag for tag in found if (not names or tag["name"] in names) and query in tag["name"].lower()
    ]
    return page(call, "tags", found, dict)


def create_tags(call: Call) -> Response:
    """Add to the dictionary of tags; a name that is there already keeps its id."""
    good = sound(call, call.batch(), lambda item: [] if item.get("name") else [mistake("name")])
    answers = [
        {**cards.tag_for(call.world, call.account, call.args[0], item), "request_id": name}
        for name, item in good
    ]
    return hal({"_links": call.link(call.path), "_embedded": {"tags": answers}})


def list_fields(call: Call) -> Response:
    entity = call.args[0]
    known = list(call.account.fields[entity].values())
    return page(call, "custom_fields", known, lambda each: _shown_field(call, each))


def get_field(call: Call) -> Response:
    known = call.account.fields[call.args[0]].get(int(call.args[1]))
    return empty() if known is None else hal(_shown_field(call, known))


def create_fields(call: Call) -> Response:
    entity = call.args[0]
    answers = []
    for name, item in sound(call, call.batch(), lambda item: _mistakes_in_field(call, item)):
        known = fields.add(call.world, call.account, entity, item)
        answers.append({**_shown_field(call, known), "request_id": name})
    return created(call, "custom_fields", answers)


def _mistakes_in_field(call: Call, item: Json) -> list[dict[str, str]]:
    found = []
    if not isinstance(item.get("name"), str) or not item["name"]:
        found.append(mistake("name", "This value should not be blank.", "NotBlank"))
    if item.get("type") not in fields.TYPES:
        found.append(mistake("type"))
    code = item.get("code")
    taken = {known.code for known in call.account.fields[call.args[0]].values()}
    if code is not None and code in taken:
        found.append(mistake("code", "This code is already used.", "NotUnique"))
    return found


def delete_field(call: Call) -> Response:
    known = call.account.fields[call.args[0]]
    number = int(call.args[1])
    if number not in known or known[number].is_predefined:
        return problem(404, "Requested entity not found")
    del known[number]
    return empty()


def _shown_field(call: Call, known: CustomField) -> Json:
    shown = fields.model(known, call.args[0])
    links = call.link(f"/{call.args[0]}/custom_fields/{known.id}")
    return {**shown, "account_id": call.account.id, "_links": links}


def list_webhooks(call: Call) -> Response:
    wanted = php.chosen(call.request.query, "filter", "destination")
    found = [
        hook for hook in call.account.webhooks.values() if not wanted or hook.destination in wanted
    ]
    return page(call, "webhooks", found, lambda hook: _shown_webhook(call, hook))


def subscribe(call: Call) -> Response:
    """Create a subscription, or change the one that has this destination."""
    item = call.one()
    if not call.world.switches.webhooks_in_plan:
        return problem(402, "Account's plan has no webhooks")
    destination, settings = item.get("destination"), item.get("settings")
    if not isinstance(destination, str) or not destination.startswith(("http://", "https://")):
        return invalid_item("0", "destination", "Invalid URL", "InvalidUrl")
    if not isinstance(settings, list) or not settings:
        return invalid_item("0", "settings", "This value should not be blank.", "NotBlank")
    offered = EVENTS | (UNLISTED if call.world.switches.unsorted_hooks else frozenset())
    if not offered.issuperset(settings):
        return invalid_item("0", "settings", "The value you selected is not a valid choice.")
    hooks, now = call.account.webhooks, call.world.unix()
    hook = hooks.get(destination)
    if hook is None:
        if len(hooks) >= WEBHOOK_LIMIT:
            return problem(400, "Webhooks limit is exceeded")
        hook = hooks[destination] = Subscription(
            id=call.world.number(),
            destination=destination,
            settings=settings,
            sort=0,
            created_at=now,
            updated_at=now,
            created_by=call.token.user_id,
        )
    hook.settings, hook.sort, hook.updated_at = settings, item.get("sort", hook.sort), now
    if hook.disabled and call.world.switches.repost_enables_webhook:
        hook.disabled, hook.invalid_at = False, []
    return hal(_shown_webhook(call, hook), 201)


def unsubscribe(call: Call) -> Response:
    destination = call.one().get("destination")
    if call.account.webhooks.pop(str(destination), None) is None:
        return problem(404, "Webhook not found")
    return empty()


def _shown_webhook(call: Call, hook: Subscription) -> Json:
    return {
        "id": hook.id,
        "destination": hook.destination,
        "created_at": hook.created_at,
        "updated_at": hook.updated_at,
        "account_id": call.account.id,
        "created_by": hook.created_by,
        "sort": hook.sort,
        "disabled": hook.disabled,
        "settings": hook.settings,
    }
