"""What the documentation leaves open, each point a named switch with a cautious default."""

from dataclasses import dataclass
from typing import Literal

from crm_clients.emulators.workshop import SwitchBoard


@dataclass(slots=True, kw_only=True)
class Switches(SwitchBoard):
    """Set by name with `set`."""

    # Chats API
    duplicate_msgid: Literal["same_ids", "error", "accept"] = "same_ids"
    amojo_error_body: Literal["json", "empty"] = "json"
    message_ids: Literal["client", "amojo", "omit"] = "client"  # whose ids a new_message answers
    delivery_status_key: Literal["any", "delivery_status", "status_code"] = "any"
    unknown_keys: Literal["accept", "refuse"] = "accept"
    fetches_media: bool = False  # the address of a file is called, as the real one does
    fetch_again_s: float = 0.0  # until an address that failed is called again; 0: never
    text_limit: int = 0  # characters of a message; 0 is no limit
    unapproved_status: int = 403  # for connecting an account that is not approved
    processing_delay_s: float = 0.0  # from the 200 to the contact, the lead and the hooks
    history_delay_s: float = 0.0  # from there to the message being seen in history
    unsorted_for_bound: bool = True  # a contact without an open lead gets an unsorted one
    hooks_for_imported: bool = False  # messages imported in a manager's name raise a chat hook
    hooks_for_own_reactions: bool = False  # what the channel brought is told back to it
    hook_sender_name: bool = False

    # REST
    rate_limited: bool = True
    rate_limit_body: Literal["html", "json"] = "html"
    rate_limit_scope: Literal["account", "integration"] = "account"
    retry_after_s: int = 0  # 0 sends no header
    block_after: int = 20  # refusals within a minute before everything is 403
    user_agent_required: bool = False
    whole_batch_rejected: bool = True  # one bad item spoils the others
    multitext_replaced: bool = True  # a PATCH of phones forgets those it does not mention
    search_lag_s: float = 0.0  # how long `query` does not see a new contact
    unsorted_listed: bool = False  # cards of unsorted items show up in lists and in search
    note_created_at_honoured: bool = True
    note_on_missing_status: int = 400
    service_note_type: int = 25  # the number by which hooks name service messages
    task_on_missing_status: int = 400
    task_filters: bool = True  # off: a list of tasks ignores what it is asked for
    inactive_responsible: Literal["refuse", "accept"] = "refuse"
    unlink_missing_status: int = 204
    calls_compared: bool = False  # a second call with the same `uniq` is the first one
    unmatched_call_status: int = 200  # when no call of a batch matches a card; or 400
    source_id_limit: int = 36
    source_limit: int = 100
    talk_messages: bool = False  # Kommo's add-on: list talks, read and send their messages
    refresh_grace_s: float = 0.0  # how long a used refresh token still works

    # Account webhooks
    own_messages_raise_hook: bool = True  # also for messages that our own channel brought
    incoming_envelope: Literal["message", "rootless"] = "message"
    repost_enables_webhook: bool = True
    unsorted_hooks: bool = False  # whether a subscription may name what the documentation does not
    webhook_jitter_s: float = 0.0  # hooks overtake one another
    webhook_twice: bool = False
    webhooks_in_plan: bool = True  # a plan without them refuses to subscribe
    webhooks_lost: bool = False  # they leave and arrive nowhere
    retry_scale: float = 1.0  # of the waits between attempts
