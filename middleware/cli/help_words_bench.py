"""What `threadline bench` says of itself, in Russian."""

from collections.abc import Mapping

RUSSIAN_OF_BENCH: Mapping[str, str] = {
    "Measure the hub beside its peers. Nothing is sent anywhere.": (
        "Измерить хаб рядом с соперниками. Наружу ничего не отправляется."
    ),
    "Interleaved rounds; medians are told.": "Чередующихся кругов; сообщаются медианы.",
    "How long each measurement lasts.": "Сколько длится каждое измерение.",
    "One short round: a smoke test, no measure.": "Один короткий круг: проверка, а не измерение.",
    "Measure this variant; say it again for more.": (
        "Измерить этот вариант; повторите для нескольких."
    ),
    "Write every number there.": "Записать туда все числа.",
    "A PostgreSQL to use. Default: one of our own.": "Чей PostgreSQL брать. По умолчанию — свой.",
    "Durable acknowledgements: how many a second, and how long a sender waits.": (
        "Надёжные подтверждения: сколько в секунду и как долго ждёт отправитель."
    ),
    "Messages a second from channel to CRM, and what each costs in CPU, part by part.": (
        "Сообщений в секунду от канала до CRM и цена каждого в процессоре, по частям."
    ),
    "Bots with an account each; say it again for more runs.": (
        "Ботов, у каждого свой аккаунт; повторите для новых прогонов."
    ),
    "Conversations of every bot.": "Разговоров у каждого бота.",
    "What a message costs beside many connections, many customers and a long backlog.": (
        "Сколько стоит сообщение рядом с множеством подключений, клиентов и длинной очередью."
    ),
    "Bots with an account each; the first is the small one.": (
        "Ботов, у каждого свой аккаунт; первое число — малый случай."
    ),
    "Customers known already.": "Сколько клиентов уже известно.",
    "Hooks that nobody read yet.": "Сколько хуков ещё не прочитано.",
    "What a quiet tenant feels of a noisy one, and whether equals get equal shares.": (
        "Что тихий клиент чувствует от шумного и поровну ли достаётся равным."
    ),
    "What a noisy tenant has unread.": "Сколько непрочитанного у шумного.",
    "Tenants that are all alike.": "Сколько одинаковых клиентов хаба.",
    "How soon the hub delivers again after kill -9, and how soon it starts from cold.": (
        "Как скоро хаб снова доставляет после kill -9 и как быстро запускается с нуля."
    ),
    "How fast a backlog goes into a CRM that keeps to its limit, and how many calls it takes.": (
        "Как быстро накопленное уходит в CRM, которая держится своего лимита, и за сколько вызовов."
    ),
    "The CRM, by its name; its emulator is started.": "CRM по имени; запускается её эмулятор.",
    "Messages that wait.": "Сколько сообщений ждёт.",
    "Customers who wrote them.": "Сколько клиентов их написало.",
    "Also with a CRM that answers in 200-500 ms.": "Также с CRM, отвечающей за 200–500 мс.",
}
