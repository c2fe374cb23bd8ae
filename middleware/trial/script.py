"""What is said on the demonstration's day, and what its narrator says, in two languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mappers.text import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The lines of one language. `customers` are named by who they are in the play.

    `narration` holds the chapters' titles and what the narrator remarks; `labels` are the rows of
    the table at the end.
    """

    customers: Mapping[str, str]
    operators: tuple[str, str]
    lines: Mapping[str, str] = field(repr=False)
    narration: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str] = field(repr=False)


_RU = Script(
    customers={
        "quick": "Анна Белова",
        "known": "Дмитрий Орлов",
        "corrects": "Борис Ким",
        "curious": "Галина Седова",
        "leaves": "Тимур Ахметов",
        "late": "Вера Лапина",
    },
    operators=("Ольга Менеджер", "Иван Продавец"),
    lines={
        "hello": "Здравствуйте! Остался ли ещё синий чайник?",
        "delivery": "И сколько стоит доставка?",
        "kettle": "Добрый день, Анна! Остались два, по 2 490 ₽.",
        "quote": "По городу бесплатно, за город 300 ₽.",
        "known": "Это Дмитрий, я у вас летом брал самовар. Где мой заказ?",
        "recognised": "Дмитрий, здравствуйте! Самовар помним. Заказ приедет завтра.",
        "mistyped": "Мне две чашки с кисами",
        "corrected": "Мне две чашки с котами",
        "cats": "С котами — отличный выбор! Отложили две.",
        "twice": "Подскажите, как ухаживать за чугунной сковородой?",
        "care": "Сейчас пришлю памятку целиком.",
        "leaving": "Спасибо, уже купил в другом месте.",
        "too_late": "Жаль! Если передумаете, мы до девяти.",
        "like_this": "Вот такую, с васильками",
        "forwarded": "У них лучшие скатерти в городе",
        "friend": "Соседка Зоя",
        "venue": "Кафе у моста",
        "poll": "Какой край лучше?",
        "colours": "Таких цветов сколько?",
        "catalogue": "Каталог и образцы",
        "these": "Вот обе, какую отложить?",
        "outage_1": "А чехол к чайнику есть?",
        "outage_2": "И ещё: можно оплатить картой?",
        "outage_3": "Забыл спросить: во сколько курьер?",
        "while_down_1": "Вы ещё работаете?",
        "while_down_2": "Заеду через полчаса, дождитесь, пожалуйста.",
        "reply_down_1": "Чехол есть, картой можно.",
        "reply_down_2": "Курьер будет с 10 до 12.",
        "open": "Работаем до девяти, ждём!",
        "pattern": "Ищу скатерть с васильками, есть такие?",
        "thanks": "Спасибо, всё пришло!",
        "bye": "И вам спасибо, Анна. Хорошего вечера!",
        "manual": "{number}. После каждой готовки дайте сковороде остыть, вымойте её тёплой водой "
        "без мыла, вытрите насухо и смажьте тонким слоем масла.",
    },
    narration={
        "morning": "Утро: покупатели пишут",
        "existing": "Дмитрий уже есть в {crms}: его узнают по номеру телефона",
        "edits": "Борис исправляет опечатку, Ольга отвечает с цитатой",
        "duplicates": "Вебхуки приходят дважды",
        "blocked": "Тимур блокирует бота: оператор узнает об этом в CRM",
        "kinds": "Вера показывает всё, что умеет {channel}; Ольга отвечает файлами и альбомом",
        "long": "Памятка длиннее 4096 знаков уходит частями",
        "outage": "Несколько секунд нет ответа от {crms}",
        "power": "Хаб убит посреди дня (SIGKILL)",
        "back": "Хаб запущен снова: ответы, набранные без него, дочитываются",
        "evening": "Вечер",
        "building": "Поднимаем эмуляторы ({channel}, {crms}) и сам хаб…",
        "verdict": "Итог: сказанное людьми против того, что есть в CRM и в чатах",
        "clean": "Ничего не потеряно, не задвоено и не перепутано.",
        "dirty": "Есть расхождения. Журналы и базы процессов: {folder}",
        "stays": "Хаб остаётся работать: {hub}. Остановить: Ctrl-C.",
        "try": "Попробуйте сами, в другом окне:",
        "know": "узнать адреса и данные",
        "as_customer": "написать от имени Анны",
        "as_operator": "ответить ей из {crm}",
        "see": "посмотреть её чат",
        "follow": "следить за хабом",
        "failed": "Испытание не состоялось: {why}. Журналы: {folder}",
    },
    labels={
        "customers": "покупателей",
        "messages_in": "написано покупателями",
        "timeline_entries": "записей в CRM",
        "replies": "набрано операторами",
        "replies_delivered": "доставлено ответов",
        "statuses_returned": "статусов вернулось в CRM",
        "contacts_created": "контактов создано",
        "files_in": "файлов от покупателей",
        "files_out": "файлов от операторов",
        "refused": "отказано, оператор знает",
        "held": "ждут решения человека",
        "lost": "потеряно",
        "files_missing": "файлов не хватает или не те",
        "duplicated": "задвоено",
        "out_of_order": "не по порядку",
        "unexplained": "никем не сказано",
        "outdated": "правка не дошла",
        "misreported": "ложный отказ",
        "lag_in": "до CRM, мс (p50 / p95)",
        "lag_out": "до покупателя, мс (p50 / p95)",
    },
)
_EN = Script(
    customers={
        "quick": "Anna Bell",
        "known": "Dan Fowler",
        "corrects": "Boris Kim",
        "curious": "Gail Stone",
        "leaves": "Tim Archer",
        "late": "Vera Lane",
    },
    operators=("Olga Manager", "Ivan Seller"),
    lines={
        "hello": "Hello! Do you still have the blue kettle?",
        "delivery": "And how much is delivery?",
        "kettle": "Good morning, Anna! Two are left, 24.90 each.",
        "quote": "Free in town, 3.00 outside.",
        "known": "This is Dan, I bought a samovar in summer. Where is my order?",
        "recognised": "Hello Dan! We remember the samovar. It comes tomorrow.",
        "mistyped": "Two cups with cast, please",
        "corrected": "Two cups with cats, please",
        "cats": "Cats it is! Two are put aside for you.",
        "twice": "How do I look after a cast-iron pan?",
        "care": "I am sending you the whole leaflet.",
        "leaving": "Thanks, I have found one elsewhere.",
        "too_late": "A pity! We are here until nine.",
        "like_this": "One like this, with cornflowers",
        "forwarded": "They have the best tablecloths in town",
        "friend": "Zoe next door",
        "venue": "The café by the bridge",
        "poll": "Which hem is better?",
        "colours": "How many colours are there?",
        "catalogue": "The catalogue and some samples",
        "these": "Here are both, which one shall I keep?",
        "outage_1": "Is there a cosy for the kettle?",
        "outage_2": "One more thing: can I pay by card?",
        "outage_3": "I forgot to ask: when does the courier come?",
        "while_down_1": "Are you still open?",
        "while_down_2": "I will be there in half an hour, please wait.",
        "reply_down_1": "Yes to the cosy, and yes to the card.",
        "reply_down_2": "Between ten and twelve.",
        "open": "Open until nine, see you!",
        "pattern": "I am looking for a tablecloth with cornflowers.",
        "thanks": "Thank you, everything has arrived!",
        "bye": "Thank you, Anna. Have a good evening!",
        "manual": "{number}. After cooking let the pan cool down, wash it in warm water without "
        "soap, wipe it dry and rub a thin layer of oil into it.",
    },
    narration={
        "morning": "Morning: customers write",
        "existing": "Dan is in {crms} already: his phone number tells who he is",
        "edits": "Boris corrects a typo, Olga answers with a quote",
        "duplicates": "Webhooks come twice",
        "blocked": "Tim blocks the bot: the operator reads so in the CRM",
        "kinds": "Vera shows whatever {channel} can; Olga answers with files and an album",
        "long": "A leaflet of more than 4096 characters goes in parts",
        "outage": "No answer from {crms} for some seconds",
        "power": "The hub is killed in the middle of the day (SIGKILL)",
        "back": "The hub is back: replies typed without it are read back",
        "evening": "Evening",
        "building": "Starting the emulators ({channel}, {crms}) and the hub…",
        "verdict": "The verdict: what people said against what the CRM and the chats hold",
        "clean": "Nothing lost, nothing doubled, nothing out of order.",
        "dirty": "Something differs. Logs and data of the processes: {folder}",
        "stays": "The hub goes on working at {hub}. Ctrl-C stops it.",
        "try": "Try it yourself, in another window:",
        "know": "learn where everything is",
        "as_customer": "write as Anna",
        "as_operator": "answer her from {crm}",
        "see": "look at her chat",
        "follow": "follow the hub",
        "failed": "The trial could not be played: {why}. Logs: {folder}",
    },
    labels={
        "customers": "customers",
        "messages_in": "written by customers",
        "timeline_entries": "entries in the CRM",
        "replies": "typed by operators",
        "replies_delivered": "replies delivered",
        "statuses_returned": "statuses returned to the CRM",
        "contacts_created": "contacts created",
        "files_in": "files of customers",
        "files_out": "files of operators",
        "refused": "refused, the operator knows",
        "held": "waiting for a person",
        "lost": "lost",
        "files_missing": "files missing or not the same",
        "duplicated": "duplicated",
        "out_of_order": "out of order",
        "unexplained": "said by nobody",
        "outdated": "correction missing",
        "misreported": "wrongly reported",
        "lag_in": "to the CRM, ms (p50 / p95)",
        "lag_out": "to the customer, ms (p50 / p95)",
    },
)
SCRIPTS: Mapping[Language, Script] = MappingProxyType({"ru": _RU, "en": _EN})
LONG_ENOUGH = 5000


def manual(script: Script) -> str:
    """Write a leaflet that one message of the channel cannot hold."""
    points: list[str] = []
    while sum(map(len, points)) < LONG_ENOUGH:
        points.append(script.lines["manual"].format(number=len(points) + 1))
    return "\n".join(points)
