"""What we tell an operator about a reply that did not simply arrive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mappers.text import Language
from mappers.vocabulary import DeliveryKind

DOUBT: dict[Language, str] = {
    "ru": "Не подтверждено: ответ мог дойти. Не набирайте его снова. Решить: {link}",
    "en": "Not confirmed: the reply may have arrived. Do not retype it. Decide: {link}",
}
NOT_SENT: dict[Language, str] = {
    "ru": "Ответ не отправлен: он устарел и ждёт вашего слова. Решить: {link}",
    "en": "Not sent: the reply is out of date and waits for your word. Decide: {link}",
}
RESTORED: dict[Language, str] = {
    "ru": "Хаб восстановлен из копии: ответ мог уже дойти. Не набирайте его снова. Решить: {link}",
    "en": "The hub was restored from a backup: the reply may have arrived. Do not retype it."
    " Decide: {link}",
}
CLOSED: dict[Language, str] = {
    "ru": "Клиент закрыл этот канал: сообщение не доставлено.",
    "en": "The customer has closed this channel: the message was not delivered.",
}
FAILED: dict[Language, str] = {
    "ru": "Не доставлено: канал отказал ({code}). Администратор может отправить снова.",
    "en": "Not delivered: the channel refused ({code}). An admin can send it again.",
}
NOBODY: dict[Language, str] = {
    "ru": "Не отправлено: этот клиент ещё не писал нам ни в один канал, а написать первым нельзя.",
    "en": "Not sent: this customer has not written to us in any channel, and we cannot be first.",
}
DROPPED: dict[Language, str] = {
    "ru": "Не отправлено: решено не отправлять.",
    "en": "Not sent: somebody decided so.",
}
OLD_WORDS: dict[Language, str] = {
    "ru": "Правка не дошла до клиента: он видит прежний текст. {why}",
    "en": "The customer does not see this edit: they still read the old words. {why}",
}
STILL_THERE: dict[Language, str] = {
    "ru": "Сообщение удалено только здесь: клиент его по-прежнему видит. {why}",
    "en": "The message is deleted here only: the customer still sees it. {why}",
}
BECAUSE: dict[str, dict[Language, str]] = {
    "hub.channel_edits_nothing": {
        "ru": "Этот канал не умеет править отправленное: напишите отдельным сообщением.",
        "en": "This channel cannot change what was sent: write another message.",
    },
    "hub.channel_deletes_nothing": {
        "ru": "Этот канал не умеет удалять отправленное.",
        "en": "This channel cannot take back what was sent.",
    },
    "hub.no_room_for_edit": {
        "ru": "Новый текст длиннее, чем помещается в отправленное сообщение.",
        "en": "The new words are longer than the message that was sent can hold.",
    },
    "hub.no_name_to_correct": {
        "ru": "Неизвестно, под каким номером сообщение стоит в канале.",
        "en": "Nobody knows under which number the channel has the message.",
    },
}
REFUSED: dict[Language, str] = {
    "ru": "Канал отказал ({code}).",
    "en": "The channel refused ({code}).",
}
BY_CODE = {"hub.dropped": DROPPED, "hub.nobody_to_write_to": NOBODY}
ASKING = {"hub.too_old": NOT_SENT, "hub.too_late": NOT_SENT, "hub.restored": RESTORED}


@dataclass(frozen=True, slots=True)
class Words:
    """Finds the sentence for a report; `link` addresses the page where a delivery is decided."""

    link: Callable[[str], str]

    def of(self, detail: Mapping[str, Any], language: Language) -> str:
        """Say it for the operator; empty when the status says everything."""
        code, doubt = str(detail.get("code", "")), str(detail.get("doubt", ""))
        if doubt:
            sentence = ASKING.get(code, DOUBT)
            return sentence[language].format(link=self.link(doubt))
        if detail.get("status") != "failed":
            return ""
        if detail.get("closed"):
            return CLOSED[language]
        if code in BY_CODE:
            return BY_CODE[code][language]
        return FAILED[language].format(code=code)


def remark_of(detail: Mapping[str, Any], language: Language) -> str:
    """Say why a customer does not see what an operator changed, or took back."""
    code = str(detail.get("code", ""))
    why = BECAUSE.get(code, REFUSED)[language].format(code=code)
    told = STILL_THERE if detail.get("about") == DeliveryKind.DELETE else OLD_WORDS
    return told[language].format(why=why)
