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
    engagements_take_unique: bool = False  # unique properties of notes, calls… may be made
    schemas_writable: bool = True  # properties may be made at all, whatever the scopes say
    email_conflict: Literal["with_id", "without_id"] = "with_id"  # the 409 of a known address
    patched_email_conflict: Literal["409", "400"] = "409"
    email_upsert: bool = True  # batch/upsert takes idProperty=email
    merged_id_answers: bool = True  # GET of a merged contact's old id gives the survivor
    contact_needs_name: bool = True  # of email, firstname and lastname, one at least
    channel_conversation_type: bool = True  # communications take CUSTOM_CHANNEL_CONVERSATION
    archived_name_free: bool = False  # a property may have the name of an archived one
    association_ids: Literal["numbers", "strings"] = "numbers"
    twin_inputs: Literal["refuse", "one_record"] = "refuse"  # one key twice in an upsert

    # Files
    same_file: Literal["name", "content"] = "name"  # what RETURN_EXISTING compares
    signed_url_life_s: int = 3600
