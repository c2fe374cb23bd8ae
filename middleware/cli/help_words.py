"""What commands say of themselves, in Russian. The English is in the commands; a test compares."""

from collections.abc import Mapping

from middleware.cli.help_words_bench import RUSSIAN_OF_BENCH
from middleware.cli.help_words_connecting import RUSSIAN_OF_CONNECTING

RUSSIAN: Mapping[str, str] = {
    **RUSSIAN_OF_BENCH,
    **RUSSIAN_OF_CONNECTING,
    "Every customer's thread, on one line: the CRM's timeline.": (
        "Каждый разговор с клиентом — в одной ленте CRM."
    ),
    "Language; default: the setting.": "Язык; по умолчанию — из настроек.",
    "Data directory; default: the setting.": "Каталог данных; по умолчанию — из настроек.",
    "Install completion for the current shell.": "Установить автодополнение для этой оболочки.",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "Показать автодополнение для этой оболочки, чтобы скопировать или изменить."
    ),
    "Show this message and exit.": "Показать эту справку.",
    "Run the hub until it is told to stop: all of it in one process, or the parts that are named."
    "\n\nSeveral processes need an executor that reaches them: THREADLINE_EXECUTOR=celery.": (
        "Запустить хаб, пока его не остановят: весь в одном процессе или только названные части."
        "\n\nНескольким процессам нужен исполнитель, который их достигает:"
        " THREADLINE_EXECUTOR=celery."
    ),
    "What this process does; without it, everything.": "Что делает процесс; без указания — всё.",
    "Address to listen on.": "Адрес, на котором слушать.",
    "Port to listen on; 0: any free one.": "Порт; 0 — любой свободный.",
    "Look at the hub and ask every provider what stands in the way. Changes nothing.": (
        "Осмотреть хаб и спросить каждого провайдера, что мешает. Ничего не меняет."
    ),
    "Print JSON, for scripts.": "Вывести JSON, для скриптов.",
    "Write everything the hub knows into one file, while it works, and prove the file whole.": (
        "Записать всё, что знает хаб, в один файл, не останавливая его, и проверить файл."
    ),
    "File to write, or a folder to put it in.": "Файл или папка, куда его положить.",
    "Put the keys in, too: whoever has the file has every account.": (
        "Положить и ключи: с таким файлом открыт каждый аккаунт."
    ),
    "Leave out the files of messages.": "Не брать файлы сообщений.",
    "Put a backup into an empty database, with every hub stopped.": (
        "Восстановить копию в пустую базу, когда хабы остановлены."
    ),
    "A file that `threadline backup` wrote.": "Файл, который записал `threadline backup`.",
    "Give up what is in the database now.": "Отказаться от того, что сейчас в базе.",
    "Restore although no key opens the accounts any more.": (
        "Восстановить, хотя ни один ключ аккаунтов не откроет."
    ),
    "Only prove the file whole. Changes nothing.": "Только проверить файл. Ничего не меняет.",
    "Print the version.": "Показать версию.",
    "List connections with their health.": "Список подключений и их состояние.",
    "Stop serving an account for a while. Hooks are still kept, and what is owed waits.": (
        "Приостановить подключение. Хуки сохраняются, отправка ждёт."
    ),
    "Id, the beginning of one, account, or title.": "Id, его начало, аккаунт или название.",
    "Check an account, set it up again, and go on with everything that waited.": (
        "Проверить аккаунт, настроить заново и продолжить всё, что ждало."
    ),
    "Put back what was changed at the provider, and stop serving the account for good.": (
        "Вернуть всё, что меняли у провайдера, и отключить аккаунт насовсем."
    ),
    "Do not ask.": "Не переспрашивать.",
    "Let a channel's messages go to a CRM, and say how. What is left out stays as it is.": (
        "Направить сообщения канала в CRM и сказать как. Не названное остаётся как есть."
    ),
    "Put back what a route usually decides: the name of an option.": (
        "Вернуть обычное решение маршрута: имя опции."
    ),
    "What the customer sees of who answers: none, first or full.": (
        "Что клиент видит о том, кто отвечает: none, first или full."
    ),
    "The channel's connection.": "Подключение канала.",
    "The CRM's connection.": "Подключение CRM.",
    "hub or crm.": "hub или crm.",
    "reuse_open or never.": "reuse_open или never.",
    "The CRM's id of the pipeline.": "Id воронки в CRM.",
    "The CRM's id of the stage.": "Id этапа в CRM.",
    "skip or wait.": "skip или wait.",
    "Show what a connection decides, or change it. What is left out stays as it is.": (
        "Показать, что решает подключение, или изменить. Не названное остаётся как есть."
    ),
    "hold or resend.": "hold или resend.",
    "The oldest reply that is sent without asking: 24h.": (
        "Самый старый ответ, который уйдёт без вопроса: 24h."
    ),
    "ru or en: our own words there.": "ru или en: на каком языке наши слова.",
    "How long an entry waits for its file: 5s.": "Сколько запись ждёт свой файл: 5s.",
    "How long a closed deal is still used: 3d, 12h.": (
        "Сколько ещё использовать закрытую сделку: 3d, 12h."
    ),
    "contact or channel: whose one deal is.": "contact или channel: чья одна сделка.",
    "message or text: what opens a deal.": "message или text: что открывает сделку.",
    "How long an exchange goes on in one deal across channels: 2h.": (
        "Сколько разговор из другого канала продолжается в той же сделке: 2h."
    ),
    "hold or resend; else as the connection has it.": (
        "hold или resend; иначе — как у подключения."
    ),
    "Carry only this customer, and others so named: phone, e-mail, @username or telegram:ID.": (
        "Пропускать только этого клиента и других, названных так же: телефон, почта, @имя или"
        " telegram:ID."
    ),
    "By which version of its mapping values for fields are made.": (
        "Какой версией маппинга получать значения полей."
    ),
    "Show what one would change, field by field; change nothing.": (
        "Показать по полям, что изменит одна доставка; ничего не менять."
    ),
    "Decide and show everything, and write nothing.": (
        "Всё решать и показывать, но ничего не записывать."
    ),
    "Users by the CRM's ids, separated by commas, or owner.": (
        "Пользователи по id в CRM, через запятую, или owner."
    ),
    "The user for when that one is not active any more.": (
        "Пользователь на случай, если тот уже не активен."
    ),
    "Tag the deals with this; may be repeated.": "Тег для сделок; можно повторять.",
    "Make a task when nobody answers for so long: 30m, 2h.": (
        "Ставить задачу, если столько времени никто не ответил: 30m, 2h."
    ),
    "Working hours: mon-fri 09:00-18:00, sat 10:00-14:00": (
        "Рабочие часы: mon-fri 09:00-18:00, sat 10:00-14:00"
    ),
    "Time zone of the hours: Europe/Moscow": "Часовой пояс рабочих часов: Europe/Moscow",
    "Stop the route.": "Выключить маршрут.",
    "List routes with what they decide otherwise than usual.": (
        "Список маршрутов и того, что они решают не как обычно."
    ),
    "List deliveries, the newest first; what customers said is hidden.": (
        "Список доставок, новые первыми; слова клиентов скрыты."
    ),
    "In this state.": "В этом состоянии.",
    "Of this kind.": "Этого вида.",
    "Owed to this connection.": "Для этого подключения.",
    "Planned in the last hours.": "Запланированные за последние часы.",
    "Failed with this code.": "С этим кодом ошибки.",
    "Go on where a page ended.": "Продолжить с места, где кончилась страница.",
    "At most so many.": "Не больше стольких.",
    "Deliver once more: one, or many. Without --state, many means what is dead.": (
        "Доставить ещё раз: одну или многие. Без --state многие — это окончательно не доставленные."
    ),
    "One delivery; or say which, by options.": "Одна доставка; или укажите какие — параметрами.",
    "Also what is done or skipped already.": "В том числе уже доставленные и пропущенные.",
    "Do it; without, many are only counted.": "Выполнить; без этого многие только считаются.",
    "Tell everything about one id: what came, who it was and why, each try, ids on both sides.": (
        "Всё об одном id: что пришло, кто это и почему, каждая попытка, id с обеих сторон."
    ),
    "A delivery, message, conversation or contact; a provider's id of a message, chat, record"
    " or deal; or # and an arrival number.": (
        "Доставка, сообщение, разговор или контакт; id сообщения, чата, карточки или сделки у"
        " провайдера; или # и номер поступления."
    ),
    "Show words, phones and bodies.": "Показать слова, телефоны и тела запросов.",
    "Follow messages and tries at deliveries; what people said is hidden.": (
        "Следить за сообщениями и попытками доставки; слова людей скрыты."
    ),
    "Show the latest and end.": "Показать последние и закончить.",
    "Begin with so many.": "Начать со стольких.",
    "List who did what, the newest first.": "Кто что сделал, новое первым.",
    "Only what was done to this id.": "Только то, что сделано с этим id.",
    "Play a day of a small shop on emulators of a channel and of CRMs, and judge it.": (
        "Сыграть день маленького магазина на эмуляторах канала и CRM и вынести вердикт."
    ),
    "The CRM, by name.": "CRM по имени.",
    "The CRMs, by name, with commas between them; a shop for each.": (
        "CRM по именам, через запятую; для каждой свой магазин."
    ),
    "End with the verdict; do not stay.": "Закончить вердиктом и не оставаться.",
    "Write the verdict to this file.": "Записать вердикт в этот файл.",
    "Keep data and logs here. Default: a temporary folder.": (
        "Хранить данные и журналы здесь. По умолчанию — временная папка."
    ),
    "Port of the hub. Default: any free one.": "Порт хаба. По умолчанию — любой свободный.",
    "Break everything around running conversations, and judge what became of them.": (
        "Ломать всё вокруг идущих разговоров и проверить, что с ними стало."
    ),
    "What is broken, and when, follows from it.": "От него зависит, что и когда сломается.",
    "Processes that serve, woken by Celery; 0: one for all.": (
        "Сколько процессов обрабатывают по вызову Celery; 0 — всё в одном."
    ),
    "How many are said in all.": "Сколько сообщений всего.",
    "Run the whole hub in virtual time while everything around it breaks.\n\nThe same seed"
    " gives the same run. Exits with 1 when a message was lost, doubled or out of\norder, or"
    " something never came to its end.": (
        "Прогнать весь хаб в виртуальном времени, пока вокруг всё ломается.\n\nОдно зерно —"
        " один и тот же прогон. Код выхода 1, если сообщение потеряно, удвоено\nили пришло не"
        " по порядку, или что-то так и не завершилось."
    ),
    "The first seed.": "Первое зерно.",
    "How many seeds, one after another.": "Сколько зёрен подряд.",
    "Messages of customers in each.": "Сообщений клиентов в каждом.",
    "Write every seed's result there.": "Записать туда итог каждого зерна.",
    "Print the reference pages from the code.": "Напечатать страницы справочника из кода.",
    "Write nothing; fail when a page is out of date.": (
        "Ничего не писать; ошибка, если страница устарела."
    ),
    "The checkout whose pages these are.": "Рабочая копия, чьи это страницы.",
    "What waits for a person's decision.": "Что ждёт решения человека.",
    "List what waits for a person's decision.": "Список того, что ждёт решения человека.",
    "Decide about a held delivery, or about a reply's held parts.": (
        "Решить судьбу задержанной доставки или частей ответа."
    ),
    "A delivery, or a reply with its parts.": "Доставка или ответ с его частями.",
    "send: deliver it. sent: it arrived. drop: do not.": (
        "send: отправить. sent: уже дошло. drop: не отправлять."
    ),
    "What could not be read.": "Что не удалось прочитать.",
    "List parcels that nobody could read, the oldest first.": (
        "Список посылок, которые не удалось прочитать, старые первыми."
    ),
    "Of this connection.": "Этого подключения.",
    "Read parcels again, once whatever made them unreadable is mended.": (
        "Прочитать посылки снова, когда причина устранена."
    ),
    "The connection.": "Подключение.",
    "Arrival numbers; none: all that were set aside.": (
        "Номера поступлений; без них — все отложенные."
    ),
    "Tokens of the API.": "Токены API.",
    "Create a token. It is printed once, alone on standard output.": (
        "Создать токен. Он показывается один раз, единственной строкой вывода."
    ),
    "Who will use it.": "Кто будет им пользоваться.",
    "read looks, operate replays and decides, admin connects.": (
        "read смотрит, operate повторяет и решает, admin подключает."
    ),
    "List tokens, revoked ones too. The tokens themselves are not kept.": (
        "Список токенов, и отозванных. Сами токены не хранятся."
    ),
    "End a token for good.": "Отозвать токен насовсем.",
    "Id of the token.": "Id токена.",
    "The keys that secrets are sealed with.": "Ключи, которыми запечатаны секреты.",
    "Seal every secret with a new key. The hub has to be stopped.": (
        "Перешифровать все секреты новым ключом. Хаб должен быть остановлен."
    ),
    "Forget the old keys; earlier links stop working.": (
        "Забыть старые ключи; прежние ссылки перестанут работать."
    ),
    "Seal every secret with the first of the keys in THREADLINE_SECRET_KEYS.": (
        "Перешифровать все секреты первым из ключей THREADLINE_SECRET_KEYS."
    ),
    "Print a new key, for THREADLINE_SECRET_KEYS. Nothing is changed.": (
        "Напечатать новый ключ для THREADLINE_SECRET_KEYS. Ничего не меняется."
    ),
    "Who is the same person, and who is not.": "Кто — один человек, а кто нет.",
    "List contacts that may be the same person, the oldest question first.": (
        "Контакты, которые могут быть одним человеком; старые вопросы первыми."
    ),
    "Answer a claim: the same person, or two who share something.": (
        "Ответить на вопрос: один человек или двое с чем-то общим."
    ),
    "The claim.": "Вопрос (claim).",
    "same: link the two. different: do not ask again.": (
        "same: связать. different: больше не спрашивать."
    ),
    "Also when all they have in common is likely shared.": (
        "Даже если всё общее у них — похоже, ничьё лично."
    ),
    "Only say what would move; nothing is written.": (
        "Только сказать, что переместится; ничего не писать."
    ),
    "Say that two contacts are one person.": "Сказать, что два контакта — один человек.",
    "The contact that stays.": "Контакт, который остаётся.",
    "The contact whose chats it takes over.": "Контакт, чьи чаты он забирает.",
    "Take a conversation out of a contact, or the contact off a record.": (
        "Отделить разговор от контакта или контакт от карточки."
    ),
    "The contact.": "Контакт.",
    "Make it a contact of its own.": "Сделать его отдельным контактом.",
    "Forget the contact's record in this CRM.": "Забыть карточку контакта в этой CRM.",
    "Put back what a link or an unlink moved, as far as it has not moved on.": (
        "Вернуть перемещённое, если оно не ушло дальше."
    ),
    "What a link or an unlink said to undo it by.": (
        "Номер, который назвали при связывании или отделении."
    ),
    "What is written to which field: documents, in versions.": (
        "Что пишется в какое поле: документы и их версии."
    ),
    "List mappings with the version that is in force.": (
        "Список сопоставлений и действующие версии."
    ),
    "Say everything that is wrong with a document; fail when something is an error.": (
        "Сказать всё, что не так с документом; ошибка, если есть ошибки."
    ),
    "The document, YAML.": "Документ, YAML.",
    "The CRM's connection to judge it against.": "Подключение CRM, по которому его проверить.",
    "Apply a document to facts of your own, as if the CRM held nothing yet.": (
        "Применить документ к своим данным, как если бы CRM была пуста."
    ),
    "Sources with values, JSON.": "Источники со значениями, JSON.",
    "Apply a document to the last messages of a route; nothing is written.": (
        "Применить документ к последним сообщениям маршрута; ничего не пишется."
    ),
    "The channel's connection of a route.": "Подключение канала этого маршрута.",
    "The CRM's connection of it.": "Подключение CRM этого маршрута.",
    "So many messages.": "Столько сообщений.",
    "Show what customers said.": "Показать слова клиентов.",
    "Keep a document as a version of a mapping, made when there is none, and put it in force.": (
        "Сохранить документ версией сопоставления (новое создаётся) и ввести её в действие."
    ),
    "The mapping's name, or its id.": "Имя сопоставления или его id.",
    "Keep the version that is in force in force.": "Оставить действующей прежнюю версию.",
    "List versions, the newest first.": "Список версий, новые первыми.",
    "Print the document of a version.": "Напечатать документ версии.",
    "Default: the one in force.": "По умолчанию — действующая.",
    "Compare two versions.": "Сравнить две версии.",
    "A version.": "Версия.",
    "Another one.": "Другая версия.",
    "Put a version in force.": "Ввести версию в действие.",
    "The version.": "Версия.",
    "Put the version in force again that was before.": "Вернуть в действие предыдущую версию.",
    "Have a route use a mapping.": "Назначить маршруту сопоставление.",
    "Have the route use none.": "Убрать сопоставление у маршрута.",
    "Ask a CRM's account what it has: fields, labels, pipelines, stages, people, tags.": (
        "Спросить аккаунт CRM, что в нём есть: поля, значения, воронки, этапы, люди, теги."
    ),
}
TITLES: Mapping[str, str] = {
    "ARGUMENTS_PANEL_TITLE": "Что",
    "OPTIONS_PANEL_TITLE": "Параметры",
    "COMMANDS_PANEL_TITLE": "Команды",
    "DEFAULT_STRING": "[по умолчанию: {}]",
    "REQUIRED_LONG_STRING": "[обязательно]",
}
