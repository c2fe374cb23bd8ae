"""What the documentation leaves open, each point a named switch with a cautious default."""

from dataclasses import dataclass
from typing import Literal

from crm_clients.emulators.workshop import SwitchBoard


@dataclass(slots=True, kw_only=True)
class Switches(SwitchBoard):
    """Set by name with `set`."""

    # Access
    token_life_s: int = 1800  # of an access token
    code_life_s: int = 60  # of an authorisation code
    refresh_rotation: Literal["none", "keep_old", "kill_old"] = "keep_old"
    refusal_has_category: bool = True  # False: envelopes leave out `category`
    flood_tells_when: bool = False  # 429 with Retry-After

    # Limits
    rate_limited: bool = True
    search_limit_per_s: int = 5
    daily_limit: int = 0  # of static tokens; 0: what the portal's tier has
    lock_burst: int = 10  # writes of one record within a second, then 423; 0: never

    # Search
    search_lag_s: float = 10.0  # until search knows of a write
    search_jitter_s: float = 0.0  # what may be added to the lag, by chance
    communications_searchable: bool = True

    # Records
    engagement_properties: Literal["refused", "plain", "unique"] = "refused"  # of our making
    schemas_writable: bool = True  # properties may be made at all, whatever the scopes say
    email_conflict: Literal["with_id", "without_id"] = "with_id"  # the 409 of a known address
    patched_email_conflict: Literal["409", "400"] = "409"
    email_upsert: bool = True  # batch/upsert takes idProperty=email
    merged_id_answers: bool = True  # GET of a merged contact's old id gives the survivor
    more_emails_writable: bool = True  # hs_additional_emails, as integrations write it
    contact_needs_name: bool = True  # of email, firstname and lastname, one at least
    emails_have_a_scope: bool = True  # what is written in them is told with sales-email-read alone
    channel_conversation_type: bool = True  # communications take CUSTOM_CHANNEL_CONVERSATION
    archived_name_free: bool = False  # a property may have the name of an archived one
    association_ids: Literal["numbers", "strings"] = "numbers"
    merge_makes_new: bool = False  # what survives a merge is a third record
    results_traced: bool = True  # results of a batch tell trace ids, as its errors do
    batch_order: Literal["as_sent", "reversed"] = "reversed"  # of results; none is promised
    twin_inputs: Literal["refuse", "one_record"] = "refuse"  # one key twice in an upsert

    # Files
    same_file: Literal["name", "content"] = "name"  # what RETURN_EXISTING compares
    signed_url_life_s: int = 3600

    # Channels and conversations
    channel_appears_s: float = 0.0  # until a new channel is there for tokens
    static_tokens_reach_channels: bool = False  # service keys and private applications
    long_threading_names: bool = False  # DELIVERY_IDENTIFIER_BASED_THREADING is a model, too
    twin_accounts: bool = True  # several accounts of one delivery identifier
    publish_needs: Literal["spec", "live"] = "spec"  # all required fields, or those of live code
    repeated_publish: Literal["twice", "same", "conflict"] = "twice"  # of one idempotency id
    contact_association: Literal["new_thread", "any_thread", "never"] = "new_thread"
    pre_resolved_counts: bool = False  # preResolvedContacts tie a thread, too
    inactive_account_status: Literal["400", "404"] = "400"
    help_desk_tickets: bool = True  # a thread of a help desk gets a ticket
    messages_sorted_by: Literal["timestamp", "arrival"] = "timestamp"
    own_replies_told: bool = False  # the channel hears of OUTGOING messages that it published
    reply_file_links: Literal["open", "private", "left_out"] = "open"

    # Webhooks
    hooks_lost: bool = False
    hook_twice: bool = False
    hook_delay_s: float = 0.0
    hook_jitter_s: float = 0.0  # hooks overtake one another
    retry_scale: float = 1.0  # of the waits between attempts, which are hours
    channel_hooks_repeated: bool = False  # a refused hook of a channel comes again
    thread_told_as: Literal["channelIntegrationThreadIds", "integrationThreadId"] = (
        "channelIntegrationThreadIds"
    )
    recipient_told_as: Literal["object", "words"] = "object"  # deliveryIdentifier of an addressee
    batch_size: int = 100
    batch_wait_s: float = 0.0  # what comes meanwhile joins a batch
    batches_shuffled: bool = False
    batches_signed_twice: bool = True  # CRM events carry v3 beside v1
    event_name_key: Literal["subscriptionType", "eventType"] = "subscriptionType"
