"""What the documentation leaves open, each point a named switch with a cautious default."""

from dataclasses import dataclass
from typing import Literal

from crm_clients.emulators.workshop import SwitchBoard


@dataclass(slots=True, kw_only=True)
class Switches(SwitchBoard):
    """Set by name with `set`."""

    # REST and OAuth
    rate_limited: bool = True
    bucket_size: int = 50  # 250 on the Enterprise plan
    bucket_leak: int = 2  # calls a second; 5 on the Enterprise plan
    license: str = "ru_basic"  # the plan as app.info names it
    operating_limited: bool = True  # what a method may cost in ten minutes is limited
    operating_limit_s: float = 420.0
    call_cost_s: float = 0.0  # what a call is said to have cost
    denial_status: Literal["403", "401"] = "403"  # of scopes, rights and plans
    portal_deleted_status: Literal["403", "410", "500"] = "403"
    token_life_s: int = 3600  # of an access token
    refresh_once: bool = True  # a used refresh token is dead
    wrong_client: Literal["invalid_client", "WRONG_CLIENT"] = "invalid_client"
    code_answer_whole: bool = False  # the exchange of a code tells `expires` and `user_id`, too
    token_post: bool = True  # the token endpoint takes a form, too
    user_agent_required: bool = False

    # CRM
    search_lag_s: float = 0.0  # how long findbycomm and lists do not see a new card
    unknown_value_type: Literal["accept", "refuse"] = "accept"  # of a multifield
    origin_limit: int = 255  # characters kept of ORIGIN_ID and ORIGINATOR_ID
    rights_lost: bool = False  # whoever calls sees no card, no activity, no history
    item_booleans: Literal["letters", "numbers", "json"] = "letters"  # of custom fields, told
    empty_fields: Literal["null", "left_out"] = "null"  # custom ones, of a new method's card
    category_alone: Literal["first_stage", "refuse"] = "first_stage"  # a move that names no stage
    unknown_activity_type: Literal["accept", "refuse"] = "accept"  # of an application's activity
    inactive_responsible: Literal["accept", "refuse"] = "accept"  # a card for whoever left
    comment_changed_by: Literal["anybody", "author"] = "anybody"  # whose comments may be updated
    unknown_filter: Literal["ignored", "no_rows"] = "ignored"  # of old lists

    # Open lines
    duplicate_message: Literal["accept", "ignore"] = "accept"  # a second message of the same id
    media_lost: Literal["item_error", "placeholder"] = "item_error"  # of a message without words
    crm_delay_s: float = 0.0  # from the answer to the cards of a new session
    history_delay_s: float = 0.0  # until history shows a message
    name_letters_only: bool = False  # a name with digits or emoji fails its item
    user_message_echoed: bool = True  # what is posted in an operator's name comes back
    system_message_echoed: bool = False  # and what is posted in nobody's
    changes_name: Literal["anybody", "known", "nobody"] = "anybody"  # whose id a change answers
    late_vote_session: bool = False  # the answer to a swallowed vote names the session
    no_session_stores: bool = False  # fault `no_session`: the message is there all the same
    own_deactivation_event: bool = False  # activate with 0 raises StatusDelete
    session_code: Literal["internal", "external"] = "internal"  # the user part of USER_CODE
    max_fetch_s: float = 30.0
    file_link_life_s: float = 0.0  # from the event that names it; 0 is for ever
    file_links_want_headers: bool = False  # all that browsers send, or 404

    # Events
    event_delay_s: float = 0.0
    event_jitter_s: float = 0.0  # events overtake one another
    event_twice: bool = False
    events_lost: bool = False
    dotless_handlers: bool = False  # hosts of one machine, which a real portal refuses
    handler_id_key: Literal["event_handler_id", "eventId"] = "event_handler_id"
    signature_space: bool = True  # a blank before the [br] of a signature
    connector_events_offline: bool = True  # they enter the offline queue, with all their data
    offline_extended: bool = True  # the plan has reserved reading of the offline queue
