"""The strict types of the chats API: a number sent as a string is a mistake.

A shape is a dictionary from key to kind; a key that ends in `!` is mandatory. A kind is a type,
another shape, or a one-element list: an array of that kind.
"""

from typing import Any

Shape = dict[str, Any]

PROFILE: Shape = {"phone": str, "email": str}
PERSON: Shape = {
    "id!": str,
    "name!": str,
    "ref_id": str,
    "avatar": str,
    "profile": PROFILE,
    "profile_link": str,
}
SOURCE: Shape = {"external_id!": str}
QUOTED: Shape = {
    "id": str,
    "msgid": str,
    "type": str,
    "text": str,
    "file_name": str,
    "file_size": int,
    "media": str,
    "media_duration": int,
    "location": {"lon!": float, "lat!": float},
    "contact": {"name!": str, "phone!": str},
    "timestamp": int,
    "msec_timestamp": int,
    "sender": {"id": str, "ref_id": str, "name": str},
}
MESSAGE: Shape = {
    "type!": str,
    "text": str,
    "media": str,
    "file_name": str,
    "file_size": int,
    "media_duration": int,
    "sticker_id": str,
    "location": {"lon!": float, "lat!": float},
    "contact": {"name!": str, "phone!": str},
    "callback_data": str,
    "shared_post": dict,
    "post": {"id!": str, "url!": str},
    "delivery_status": {"status_code!": int, "error_code": int, "error": str},
}
NEW_MESSAGE: Shape = {
    "timestamp!": int,
    "msec_timestamp": int,
    "msgid!": str,
    "conversation_id!": str,
    "conversation_ref_id": str,
    "silent": bool,
    "source": SOURCE,
    "sender!": PERSON,
    "receiver": PERSON,
    "message!": MESSAGE,
    "reply_to": {"message!": QUOTED},
    "forwards": {"messages!": [QUOTED], "conversation_ref_id": str, "conversation_id": str},
}
EDIT_MESSAGE: Shape = {
    **{key.rstrip("!"): kind for key, kind in NEW_MESSAGE.items() if key != "message!"},
    "id": str,
    "message!": MESSAGE,
}
CONNECT: Shape = {
    "account_id!": str,
    "title": str,
    "hook_api_version": str,
    "is_time_window_disabled": bool,
}
DISCONNECT: Shape = {"account_id!": str}
CHAT: Shape = {"conversation_id!": str, "source": SOURCE, "user!": PERSON}
STATUS: Shape = {
    "msgid": str,
    "delivery_status": int,
    "status_code": int,
    "error_code": int,
    "error": str,
}
TYPING: Shape = {"conversation_id!": str, "sender!": {"id!": str}, "duration_ms": int}
REACTION: Shape = {
    "conversation_id": str,
    "conversation_ref_id": str,
    "id": str,
    "msgid": str,
    "user!": {"id": str, "ref_id": str},
    "type!": str,
    "emoji": str,
}


def flaw(value: Any, shape: Shape, *, unknown_keys: bool = True, at: str = "body") -> str:
    """Return the first thing wrong with a body, in words; "" when all is well."""
    if not isinstance(value, dict):
        return f"{at} should be an object"
    names = {key.rstrip("!"): key for key in shape}
    if not unknown_keys and set(value) - set(names):
        return f"{at} has unknown keys: {sorted(set(value) - set(names))}"
    for name, key in names.items():
        if value.get(name) is None:
            if key.endswith("!"):
                return f"{at}.{name} is required"
            continue
        wrong = _flaw(value[name], shape[key], unknown_keys=unknown_keys, at=f"{at}.{name}")
        if wrong:
            return wrong
    return ""


def _flaw(value: Any, kind: Any, *, unknown_keys: bool, at: str) -> str:
    if isinstance(kind, dict):
        return flaw(value, kind, unknown_keys=unknown_keys, at=at)
    if isinstance(kind, list):
        if not isinstance(value, list):
            return f"{at} should be an array"
        wrongs = (
            _flaw(each, kind[0], unknown_keys=unknown_keys, at=f"{at}.{index}")
            for index, each in enumerate(value)
        )
        return next((wrong for wrong in wrongs if wrong), "")
    if kind is float:
        is_right = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        is_right = type(value) is kind
    return "" if is_right else f"{at} should be of type {kind.__name__}"
