"""How a portal installs us: it posts tokens to our address, and proves nothing by that.

The proof is the pair itself. Bitrix24's authorization server gives a new one for the refresh token
that came only if it is ours, together with our secret; it also says whose portal it is. A page of
ours that is opened while it installs has to say that it is done: until then no event comes.

Source: apidocs.bitrix24.com/settings/app-installation; the silence before the end of an
installation: bitrix24/b24jssdk #336.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from crm_clients.bitrix24 import oauth
from crm_clients.bitrix24.oauth import Application
from crm_clients.bitrix24.wire import Frame
from crm_clients.forms import Form, parse_form
from mappers.vocabulary import AuthExpired, Http, MalformedWebhook, ProviderError, Webhook


async def install(http: Http, application: Application, hook: Webhook) -> Mapping[str, Any]:
    """Turn an installation into the values of a new connection's config.

    Raises: `ValueError` when the call is no installation; `ProviderError`.
    """
    frame = _frame_in(hook)
    domain = oauth.portal_base(frame.domain, application) if frame.domain else ""
    server = oauth.oauth_base(frame.server_endpoint, domain, application)
    values, member = await oauth.spend(
        http, application, server, frame.refresh_token.get_secret_value()
    )
    if member != frame.member_id:
        raise ProviderError(AuthExpired(code="bitrix24.another_portal"))
    return {
        "base": domain,
        "oauth_base": server,
        **values,
        "member_id": member,
        "application_token": frame.application_token.get_secret_value(),
        "timeline": application.timeline,
        "reply_prefix": application.reply_prefix,
    }


def _frame_in(hook: Webhook) -> Frame:
    """Read the two ways in which an installation is told: an opened page, or an event."""
    try:
        form = parse_form(hook.body)
        auth = form.get("auth")
        is_event = form.get("event") == "ONAPPINSTALL" and isinstance(auth, dict)
        return Frame.model_validate(auth if is_event else _as_auth(form, hook.query))
    except (ValidationError, MalformedWebhook):
        raise ValueError("this is not how Bitrix24 installs an application") from None


def _as_auth(form: Form, query: Mapping[str, str]) -> dict[str, Any]:
    """Name the values of an opened page as the event names them."""
    return {
        "domain": query.get("DOMAIN", ""),
        "refresh_token": form.get("REFRESH_ID"),
        "server_endpoint": form.get("SERVER_ENDPOINT", ""),
        "application_token": form.get("APPLICATION_TOKEN"),
        "member_id": form.get("member_id"),
    }
