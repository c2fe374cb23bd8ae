"""What the commands that connect accounts say of themselves, in Russian."""

from collections.abc import Mapping

RUSSIAN_OF_CONNECTING: Mapping[str, str] = {
    "Connect an account of a channel or a CRM.": "Подключить аккаунт канала или CRM.",
    "Connect a Telegram bot.": "Подключить бота Telegram.",
    "Token of the bot; - reads standard input.": "Токен бота; - читает стандартный ввод.",
    "Poll, or be called at the public address; default: whichever is possible.": (
        "Опрашивать или принимать хуки на публичном адресе; по умолчанию — что возможно."
    ),
    "Replace another system's webhook.": "Заменить вебхук другой системы.",
    "Another Bot API server, or an emulator.": "Другой сервер Bot API или эмулятор.",
    "What to call it; default: as the provider does.": "Название; по умолчанию — как у провайдера.",
    "Connect an amoCRM account, by a long-lived token or by its administrator's consent.": (
        "Подключить аккаунт amoCRM: долгоживущим токеном или с согласия администратора."
    ),
    "The account: https://company.amocrm.ru": "Аккаунт: https://company.amocrm.ru",
    "Connect a Bitrix24 portal: register an application to be installed there, or by a webhook.": (
        "Подключить портал Битрикс24: зарегистрировать приложение, которое там установят, или"
        " по вебхуку."
    ),
    "Without open lines: messages are activities on cards.": (
        "Без открытых линий: сообщения — дела в карточках."
    ),
    "Without an application: the address of an incoming webhook; - reads standard input.": (
        "Без приложения: адрес входящего вебхука; - читает стандартный ввод."
    ),
    "With --webhook: the token of an outgoing webhook, which tells of deletions.": (
        "С --webhook: токен исходящего вебхука, который сообщает об удалениях."
    ),
    "On cards: what an answer begins with; default: //": (
        "В карточках: с чего начинается ответ; по умолчанию //"
    ),
    "Application ID (client_id), from its card in the portal.": (
        "Код приложения (client_id) из его карточки на портале."
    ),
    "Open line to use, by number or name; without it one is made.": (
        "Открытая линия, по номеру или имени; без неё создаётся своя."
    ),
    "Application key (client_secret); - reads standard input.": (
        "Ключ приложения (client_secret); - читает стандартный ввод."
    ),
    "Long-lived token; - reads standard input.": "Долгоживущий токен; - читает стандартный ввод.",
    "Id of a registration that is kept already.": "Id уже сохранённой регистрации.",
    "YAML or JSON with the registration's values.": "YAML или JSON со значениями регистрации.",
    "Without chats: messages are notes on cards; a token is enough.": (
        "Без чатов: сообщения — примечания в карточках; хватит токена."
    ),
    "With --notes: what an answer begins with; default: //": (
        "С --notes: с чего начинается ответ; по умолчанию //"
    ),
    "Integration id, from its Keys tab.": "Id интеграции, с её вкладки «Ключи».",
    "Secret key; - reads standard input.": "Секретный ключ; - читает стандартный ввод.",
    "Connect a HubSpot portal, by its administrator's consent or by a service key.": (
        "Подключить портал HubSpot: с согласия администратора или сервисным ключом."
    ),
    "Client ID, from the app's Auth tab.": "Client ID с вкладки Auth приложения.",
    "Client secret of the app; - reads standard input.": (
        "Client secret приложения; - читает стандартный ввод."
    ),
    "App ID, a number, of the same app.": "App ID, число, того же приложения.",
    "Developer API key, which registers the channel; - reads standard input.": (
        "Developer API key: им регистрируется канал; - читает стандартный ввод."
    ),
    "Inbox to use, by number or name; default: the first one.": (
        "Инбокс, по номеру или имени; по умолчанию — первый."
    ),
    "Without an app: a service key (pat-…); - reads standard input.": (
        "Без приложения: сервисный ключ (pat-…); - читает стандартный ввод."
    ),
    "Without a channel: messages are entries on cards.": (
        "Без канала: сообщения — записи в карточках."
    ),
    "Open tickets where another CRM would open deals.": (
        "Заводить тикеты там, где в другой CRM были бы сделки."
    ),
    "On cards: what a message is; default: notes": (
        "В карточках: чем становится сообщение; по умолчанию notes"
    ),
    "Another API server: an emulator.": "Другой сервер API: эмулятор.",
}
