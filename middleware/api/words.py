"""What the pages say to people, in Russian and English."""

from collections.abc import Mapping
from types import MappingProxyType

from mappers.text import Language

REASONS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "hub.not_confirmed": "Канал не подтвердил приём: ответ мог дойти, а мог и нет. Посмотрите"
        " в самом канале или спросите клиента.",
        "hub.cannot_ask": "Провайдер не сказал, есть ли у него это сообщение. Посмотрите сами.",
        "hub.too_old": "Ответ дошёл до нас слишком поздно. Нужен ли он ещё клиенту?",
        "hub.too_late": "Отправить вовремя не удалось. Нужен ли ответ ещё клиенту?",
        "hub.restored": "База данных восстановлена из копии: ответ мог уже уйти раньше.",
        "": "Канал отказался принять ответ ({code}).",
    },
    "en": {
        "hub.not_confirmed": "The channel did not confirm: the reply may have arrived or not. Look"
        " in the channel itself, or ask the customer.",
        "hub.cannot_ask": "The provider does not tell whether it has the message. Have a look.",
        "hub.too_old": "The reply reached us too late. Does the customer still want it?",
        "hub.too_late": "It could not be sent in time. Does the customer still want it?",
        "hub.restored": "The database was restored from a backup: the reply may have been sent.",
        "": "The channel refused the reply ({code}).",
    },
}
STATES: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "ready": "будет отправлен, как только дойдёт очередь",
        "calling": "отправляется",
        "doubt": "отправлен, подтверждение выясняется",
        "parked": "ждёт: канал остановлен",
        "done": "отправлен",
        "skipped": "решено не отправлять",
        "held": "ждёт решения",
        "dead": "не отправлен",
    },
    "en": {
        "ready": "goes out as soon as it is its turn",
        "calling": "is being sent",
        "doubt": "was sent, and the confirmation is being looked for",
        "parked": "waits: the channel is stopped",
        "done": "was sent",
        "skipped": "will not be sent, as decided",
        "held": "waits for a decision",
        "dead": "was not sent",
    },
}
HELD: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "ru": {
            "title": "Ответ ждёт решения",
            "decided": "Решение принято",
            "channel": "Канал",
            "written": "Написан",
            "text": "Текст (скрыт)",
            "state": "Состояние",
            "parts": "Частей",
            "question": "Что сделать?",
            "send": "Отправить",
            "send_why": "Клиент его не получил. Если получил — увидит дважды.",
            "sent": "Уже дошёл",
            "sent_why": "Клиент его видел. Отметим отправленным.",
            "drop": "Не отправлять",
            "drop_why": "Он больше не нужен. В CRM будет отмечено, что он не доставлен.",
        },
        "en": {
            "title": "A reply waits for a decision",
            "decided": "This has been decided",
            "channel": "Channel",
            "written": "Written",
            "text": "Text (hidden)",
            "state": "State",
            "parts": "Parts",
            "question": "What shall we do?",
            "send": "Send it",
            "send_why": "The customer did not get it. If they did, they will see it twice.",
            "sent": "It has arrived",
            "sent_why": "The customer has seen it. We mark it as sent.",
            "drop": "Do not send it",
            "drop_why": "It is not wanted any more. The CRM will show it as not delivered.",
        },
    }
)
SAID: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "connected": "Аккаунт подключён: {title}",
        "connected_next": "Эту страницу можно закрыть. Осталось указать, из каких каналов сюда"
        " писать: threadline route.",
        "not_connected": "Аккаунт не подключён",
        "denied": "Провайдер сообщил, что доступ не разрешён. Начните подключение заново.",
        "nothing_here": "Здесь ничего нет",
        "bad_link": "Ссылка неполная или больше не действует. Откройте её целиком из CRM.",
    },
    "en": {
        "connected": "The account is connected: {title}",
        "connected_next": "You may close this page. What remains is to say which channels are"
        " written here: threadline route.",
        "not_connected": "The account was not connected",
        "denied": "The provider says that access was not granted. Begin again.",
        "nothing_here": "There is nothing here",
        "bad_link": "The link is incomplete or out of date. Open all of it from the CRM.",
    },
}


def reason(code: str, language: Language) -> str:
    """Say why a person is asked."""
    known = REASONS[language]
    return known.get(code, known[""]).format(code=code)
