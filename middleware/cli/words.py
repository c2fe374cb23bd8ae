"""What the command line says by itself, in Russian and English. Sentences of the hub stay as is."""

from collections.abc import Mapping

from mappers.text import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "listens": "Threadline работает: {address}",
        "public": "Провайдеры обращаются по адресу {address}",
        "no_public": "Публичного адреса нет (THREADLINE_PUBLIC_URL): работают только каналы,"
        " которые можно опрашивать; CRM до нас не достучится.",
        "connect_next": "Дальше, в другом окне: threadline connect telegram --token -",
        "route_next": "Дальше: threadline route КАНАЛ CRM — и сообщения пойдут.",
        "plays": "Процесс работает: {parts}.",
        "parts_need_celery": "Вебхуки и обработка в разных процессах находят друг друга через"
        " брокер: задайте THREADLINE_EXECUTOR=celery и THREADLINE_BROKER_URL, или запустите"
        " `threadline up` без частей.",
        "gave_up": "Процесс больше не слышит брокера и остановился. Работу делают другие;"
        " запустите его снова.",
        "stop_hint": "Ctrl-C останавливает: начатые вызовы будут закончены.",
        "stopped": "Остановлено.",
        "backed_up": "Копия снята и проверена: {file} (строк: {rows}, файлов: {files}).",
        "backup_has_keys": "Ключи внутри: с этим файлом открыт каждый подключённый аккаунт. Храните"
        " его как пароль.",
        "backup_lacks_keys": "Ключей в ней нет: без {keys} аккаунты не открыть. Храните копию"
        " ключей отдельно от этого файла.",
        "backup_keys_given": "Ключей в ней нет: они заданы в THREADLINE_SECRET_KEYS. Храните копию"
        " этой настройки отдельно от файла.",
        "backup_bucket": "Файлов сообщений в ней нет: они в {bucket}, у которого свои копии.",
        "backup_whole": "{file} цел: копия от {at} UTC.",
        "restored": "Восстановлено на {at} UTC (строк: {rows}, файлов: {files}).",
        "restored_next": "Дальше: threadline up. Что могло быть сделано после копии, хаб найдёт сам"
        " или спросит: threadline held list",
        "port_taken": "Адрес {address} занят или недоступен ({why}). Укажите другой: --port.",
        "database_away": "База данных недоступна ({why}). Проверьте THREADLINE_DATABASE_URL или"
        " каталог данных.",
        "busy": "База данных занята: ничего не изменено. Попробуйте ещё раз.",
        "unreadable": "Секреты не открываются ни одним из ключей. Верните ключ, которым они"
        " зашифрованы ({keys}).",
        "bad_settings": "Настройки не читаются: {why}",
        "os_error": "Не получилось: {why}",
        "connected": "Подключено: {title} ({id})",
        "authorize": "Откройте от имени администратора аккаунта (ссылка живёт час):",
        "callback": "Хаб должен работать (threadline up) и быть доступен по {address}",
        "registered": "Регистрация сохранена: {id}",
        "install": "Укажите этот адрес в карточке приложения (обработчик и установка) и установите"
        " его; хаб должен работать (threadline up):",
        "hooks": "Адрес хуков: {address}",
        "sure": "Отключить «{which}» насовсем?",
        "not_an_id": "«{asked}» — не id. Id показывают списки, например threadline deliveries.",
        "paused": "Остановлено: {title}. Хуки сохраняются, отправка ждёт.",
        "resumed": "Снова работает: {title}",
        "disconnected": "Отключено: {title}",
        "routed": "Сообщения из «{source}» пойдут в «{target}».",
        "unrouted": "Маршрут из «{source}» в «{target}» выключен.",
        "either_or": "{names}: или значение, или --default, не то и другое.",
        "as_usual": "всё как обычно",
        "which": "«{asked}» — это несколько подключений: {titles}. Назовите id.",
        "no_connection": "Подключения «{asked}» нет. Список: threadline connections",
        "nothing": "Пусто.",
        "replayed": "Отправлено снова: {count}",
        "refused": "Не отправлено {count}: {why}",
        "estimate": "Будет отправлено снова: {count}",
        "dry": "Ничего не изменено. Чтобы отправить, добавьте --yes.",
        "rehearsed": "Это только показано: ничего не записано.",
        "rehearsed_note": "Примечание: {why}",
        "rehearsed_waits": "Ждёт доставку {after} ({state}): сначала нужна она.",
        "settled": "Решено ({decision}): {count}",
        "read_again": "Будет прочитано снова: {count}",
        "would_join": "Будет перенесено: идентичностей {identities}, диалогов {conversations},"
        " доставок {deliveries}. Ничего не изменено.",
        "joined": "Перенесено: идентичностей {identities}, диалогов {conversations}, доставок"
        " {deliveries}.",
        "join_undo": "Вернуть как было: threadline contacts undo {id}",
        "join_nothing": "Переносить нечего: ничего не изменено.",
        "join_stays": "Осталось на новом месте: {what}",
        "claim_decided": "Решено ({decision}).",
        "claim_would": "Будет решено ({decision}). Ничего не изменено.",
        "one_of": "Назовите одно из двух: --conversation или --record.",
        "token_once": "Токен показан один раз, сохраните его. Id: {id}",
        "revoked": "Токен отозван.",
        "rotated": "Перешифровано: {count}. Ключей теперь: {keys}. Запустите хаб снова.",
        "old_links": "Старые ключи убраны: ссылки, выданные раньше, больше не откроются.",
        "more": "Дальше: --cursor {cursor}",
        "files_ok": "файлы есть где хранить: {where}",
        "files_refused": "хранилище файлов не впускает хаб: {where}",
        "files_refused_do": "файлы ждут, сообщения идут без них. Для корзины проверьте "
        "THREADLINE_S3_BUCKET, ключ и его права (читать, писать, удалять, смотреть список); "
        "для папки — чья она и может ли хаб в неё писать",
        "files_away": "хранилище файлов не отвечает: {where}",
        "files_away_do": "файлы ждут, сообщения идут без них. Проверьте THREADLINE_S3_ENDPOINT и "
        "сеть до него",
        "database_ok": "база данных отвечает, схема на месте",
        "hub_runs": "хаб работает",
        "hub_stopped": "хаб не работает",
        "hub_stopped_do": "threadline up",
        "postgres_ok": "PostgreSQL {version}, база занимает {size}",
        "postgres_old": "PostgreSQL {version} слишком стар: нужна версия 15 или новее",
        "postgres_old_do": "Снимите копию (threadline backup), поднимите новый PostgreSQL и"
        " восстановите её там (threadline restore).",
        "clock_ok": "часы хаба и базы идут вместе",
        "clock_off": "часы хаба и базы расходятся на {seconds} с",
        "clock_off_do": "Включите NTP на обеих машинах: по часам судят о сроках и подписях.",
        "disk_ok": "на диске свободно {free}",
        "disk_low": "на диске свободно всего {free}",
        "disk_low_do": "Освободите место или уменьшите THREADLINE_RETENTION: без места хуки"
        " получают 503.",
        "sessions_many": "соединений с базой {used} из {most}",
        "sessions_many_do": "Поднимите max_connections или уменьшите THREADLINE_POOL_SIZE.",
        "transaction_long": "транзакция в базе открыта уже {minutes} мин",
        "transaction_long_do": "Из-за неё не чистится база и не проходят миграции. pg_stat_activity"
        " покажет, чья она.",
        "backup_ok": "последняя копия снята {hours} ч назад",
        "backup_old": "последняя копия снята {hours} ч назад",
        "backup_old_do": "threadline backup ПАПКА",
        "backup_never": "о резервных копиях ничего не известно",
        "backup_never_do": "threadline backup ПАПКА (или копии снимает кто-то другой)",
        "no_connections": "нет ни одного подключения",
        "no_connections_do": "threadline connect --help",
        "public_ok": "публичный адрес задан: {address}",
        "public_missing": "публичного адреса нет",
        "public_missing_do": "задайте THREADLINE_PUBLIC_URL: без него CRM не сообщит об ответах"
        " и не заберёт файлы",
        "no_emulator": "Эмулятора нет: {names}. Сыграть можно с: {known}.",
        "need_base": "С токеном нужен адрес аккаунта: --base https://company.amocrm.ru",
        "need_long_lived": "Для примечаний нужен долгосрочный токен: --token - или {name}",
        "need_application": "Нужна регистрация: --application-file или --client-id с"
        " --client-secret.",
        "many_applications": "Регистраций несколько, назовите одну: --application. {ids}",
        "need_token": "Нужен токен: --token - (из стандартного ввода) или переменная {name}.",
        "bad_file": "Файл {path} не читается: {why}",
        "mapping_fine": "Замечаний нет.",
        "mapping_unread": "Карточек не прочитано для {count} сообщений: «before» там — только то,"
        " что записал бы сам документ.",
        "mapping_kept": "«{name}»: версия {number} сохранена, действует прежняя.",
        "mapping_in_force": "«{name}»: действует версия {number}.",
        "mapping_used": "Маршрут использует «{name}».",
        "mapping_unused": "Маршрут больше не использует «{name}».",
        "no_mapping": "Маппинга «{asked}» нет. Список: threadline mapping list",
    },
    "en": {
        "listens": "Threadline is up: {address}",
        "public": "Providers reach it at {address}",
        "no_public": "There is no public address (THREADLINE_PUBLIC_URL): only channels that can"
        " be polled work, and no CRM can call us.",
        "connect_next": "Next, in another window: threadline connect telegram --token -",
        "route_next": "Next: threadline route CHANNEL CRM, and messages flow.",
        "plays": "This process is up: {parts}.",
        "parts_need_celery": "Hooks and serving in different processes find each other through a"
        " broker: set THREADLINE_EXECUTOR=celery and THREADLINE_BROKER_URL, or run `threadline up`"
        " without parts.",
        "gave_up": "This process does not hear its broker any more and has stopped. Others do the"
        " work; start it again.",
        "stop_hint": "Ctrl-C stops it; calls in flight are finished first.",
        "stopped": "Stopped.",
        "backed_up": "Backed up and proven whole: {file} ({rows} rows, {files} files).",
        "backup_has_keys": "The keys are in it: whoever has this file has every connected account."
        " Keep it like a password.",
        "backup_lacks_keys": "The keys are not in it: without {keys} no account opens. Keep a copy"
        " of the keys apart from this file.",
        "backup_keys_given": "The keys are not in it: they are in THREADLINE_SECRET_KEYS. Keep a"
        " copy of that setting apart from this file.",
        "backup_bucket": "Files of messages are not in it: they are in {bucket}, which has copies"
        " of its own.",
        "backup_whole": "{file} is whole: a backup of {at} UTC.",
        "restored": "Restored as of {at} UTC ({rows} rows, {files} files).",
        "restored_next": "Next: threadline up. What may have been done since the backup is looked"
        " for, or a person is asked: threadline held list",
        "port_taken": "The address {address} is taken or cannot be had ({why}). Choose another:"
        " --port.",
        "database_away": "The database cannot be reached ({why}). Look at"
        " THREADLINE_DATABASE_URL, or at the data directory.",
        "busy": "The database is busy: nothing was changed. Try again.",
        "unreadable": "None of the keys opens the secrets. Put the key back that they were sealed"
        " with ({keys}).",
        "bad_settings": "The settings cannot be read: {why}",
        "os_error": "That did not work: {why}",
        "connected": "Connected: {title} ({id})",
        "authorize": "Open this as the account's administrator (good for an hour):",
        "callback": "The hub has to run (threadline up) and be reachable at {address}",
        "registered": "The registration is kept: {id}",
        "install": "Put this address into the application's card (handler and installation) and"
        " install it; the hub has to run (threadline up):",
        "hooks": "Address for hooks: {address}",
        "sure": "Disconnect “{which}” for good?",
        "not_an_id": "“{asked}” is not an id. Lists show ids: threadline deliveries, for one.",
        "paused": "Paused: {title}. Hooks are kept, deliveries wait.",
        "resumed": "Works again: {title}",
        "disconnected": "Disconnected: {title}",
        "routed": "Messages from “{source}” go to “{target}”.",
        "unrouted": "The route from “{source}” to “{target}” is off.",
        "either_or": "{names}: either a value or --default, not both.",
        "as_usual": "all as usual",
        "which": "“{asked}” is more than one connection: {titles}. Name an id.",
        "no_connection": "There is no connection “{asked}”. See: threadline connections",
        "nothing": "Nothing.",
        "replayed": "Replayed: {count}",
        "refused": "Not replayed, {count}: {why}",
        "estimate": "Would be replayed: {count}",
        "dry": "Nothing was changed. To replay, add --yes.",
        "rehearsed": "This was only shown: nothing was written.",
        "rehearsed_note": "Note: {why}",
        "rehearsed_waits": "It waits for delivery {after} ({state}): that one comes first.",
        "settled": "Decided ({decision}): {count}",
        "read_again": "To be read again: {count}",
        "would_join": "Would move: identities {identities}, conversations {conversations},"
        " deliveries {deliveries}. Nothing was changed.",
        "joined": "Moved: identities {identities}, conversations {conversations}, deliveries"
        " {deliveries}.",
        "join_undo": "To undo it: threadline contacts undo {id}",
        "join_nothing": "There is nothing to move: nothing was changed.",
        "join_stays": "Stays where it is now: {what}",
        "claim_decided": "Decided ({decision}).",
        "claim_would": "Would be decided ({decision}). Nothing was changed.",
        "one_of": "Name one of the two: --conversation or --record.",
        "token_once": "The token is shown once: keep it. Its id: {id}",
        "revoked": "The token is revoked.",
        "rotated": "Sealed anew: {count}. Keys now: {keys}. Start the hub again.",
        "old_links": "The old keys are gone: links given out before do not open any more.",
        "more": "More: --cursor {cursor}",
        "files_ok": "files have a place to lie: {where}",
        "files_refused": "the place of files does not let the hub in: {where}",
        "files_refused_do": "files wait, messages go on without them. For a bucket look at "
        "THREADLINE_S3_BUCKET, the key and its rights (get, put, delete, list); for a folder, at "
        "whose it is and whether the hub may write to it",
        "files_away": "the place of files does not answer: {where}",
        "files_away_do": "files wait, messages go on without them. Look at THREADLINE_S3_ENDPOINT "
        "and the network to it",
        "database_ok": "the database answers, its schema is current",
        "hub_runs": "the hub runs",
        "hub_stopped": "the hub does not run",
        "hub_stopped_do": "threadline up",
        "postgres_ok": "PostgreSQL {version}, the database takes {size}",
        "postgres_old": "PostgreSQL {version} is too old: version 15 or newer is needed",
        "postgres_old_do": "Back up (threadline backup), set up a newer PostgreSQL, and restore"
        " there (threadline restore).",
        "clock_ok": "the clocks of the hub and the database agree",
        "clock_off": "the clocks of the hub and the database are {seconds} s apart",
        "clock_off_do": "Switch NTP on at both machines: deadlines and signatures go by the clock.",
        "disk_ok": "{free} free on the disk",
        "disk_low": "only {free} free on the disk",
        "disk_low_do": "Make room, or lower THREADLINE_RETENTION: on a full disk hooks are told"
        " 503.",
        "sessions_many": "{used} of {most} connections to the database are taken",
        "sessions_many_do": "Raise max_connections, or lower THREADLINE_POOL_SIZE.",
        "transaction_long": "a transaction has been open in the database for {minutes} min",
        "transaction_long_do": "It keeps the database from being cleaned and migrated."
        " pg_stat_activity says whose it is.",
        "backup_ok": "the last backup is {hours} h old",
        "backup_old": "the last backup is {hours} h old",
        "backup_old_do": "threadline backup FOLDER",
        "backup_never": "nothing is known of any backup",
        "backup_never_do": "threadline backup FOLDER (if somebody else makes them, all is well)",
        "no_connections": "nothing is connected",
        "no_connections_do": "threadline connect --help",
        "public_ok": "there is a public address: {address}",
        "public_missing": "there is no public address",
        "public_missing_do": "set THREADLINE_PUBLIC_URL: without it no CRM tells us of replies"
        " or fetches files",
        "no_emulator": "No emulator plays {names}. There are: {known}.",
        "need_base": "A token needs the account's address: --base https://company.amocrm.ru",
        "need_long_lived": "Notes need a long-lived token: --token - or {name}",
        "need_application": "A registration is needed: --application-file, or --client-id with"
        " --client-secret.",
        "many_applications": "There are several registrations, name one: --application. {ids}",
        "need_token": "A token is needed: --token - (standard input) or the variable {name}.",
        "bad_file": "The file {path} cannot be read: {why}",
        "mapping_fine": "Nothing is wrong.",
        "mapping_unread": "No card was read for {count} messages: before is there only what the"
        " document itself would have written.",
        "mapping_kept": "“{name}”: version {number} is kept; the one before stays in force.",
        "mapping_in_force": "“{name}”: version {number} is in force.",
        "mapping_used": "The route uses “{name}”.",
        "mapping_unused": "The route does not use “{name}” any more.",
        "no_mapping": "There is no mapping “{asked}”. See: threadline mapping list",
    },
}
