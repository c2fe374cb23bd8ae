"""What a person tells us about a bot, and what we remember of its webhook."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

TOKEN = re.compile(r"[0-9]{1,19}:[A-Za-z0-9_-]{3,}")
WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")
ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def _token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value().strip()
    if not TOKEN.fullmatch(token):
        raise ValueError("a bot token looks like 123456:ABC-DEF…, as @BotFather shows it")
    return SecretStr(token)


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("Telegram takes up to 256 of A-Z a-z 0-9 _ -")
    return value


def _api_base(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("an address such as https://api.telegram.org, without user or query")
    return value.rstrip("/")


class Config(BaseModel):
    """One bot. The last three values are `set_up`'s memory, not for people to fill in."""

    # A refused value may be a mistyped token: errors must not repeat it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Annotated[SecretStr, AfterValidator(_token)] = Field(
        description="Bot token issued by @BotFather."
    )
    mode: Literal["polling", "webhook"] = Field(
        default="polling",
        description="Listen by getUpdates, or be called; a webhook needs a public HTTPS address.",
    )
    api_base: Annotated[str, AfterValidator(_api_base)] = Field(
        default="https://api.telegram.org",
        description="A Bot API server of one's own, a proxy, or an emulator.",
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] = Field(
        default=SecretStr(""),
        description="What Telegram shows at our door; while it is empty, the door stays shut.",
    )
    username: str = Field(default="", description="The bot's name without @, as getMe told it.")
    webhook_url: SecretStr = Field(
        default=SecretStr(""), description="The address that we registered."
    )
    previous_webhook: SecretStr = Field(
        default=SecretStr(""), description="The address that we displaced, to be put back."
    )

    @property
    def bot_id(self) -> str:
        """The bot's own user id: it stays when the token is replaced."""
        return self.token.get_secret_value().partition(":")[0]
