"""Working hours: read from a line of text, and counted through. Pure; holidays are not known.

A line names days with times, `mon-fri 09:00-18:00, sat 10:00-14:00`, in the zone of the company.
A day may be named twice, for a break at noon; a time that ends before it begins ends the next day.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
_PART = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +"
    r"(?P<begins>\d{1,2}:\d{2})-(?P<ends>\d{1,2}:\d{2})"
)
Span: TypeAlias = tuple[timedelta, timedelta]


class BadHours(ValueError):
    """The line, or the zone, cannot be read; says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Shape: for each day of the week, from Monday, spans since its midnight by the wall clock."""

    week: tuple[tuple[Span, ...], ...]
    zone: ZoneInfo


@lru_cache(maxsize=256)
def read_hours(line: str, zone: str) -> Hours | None:
    """Read a line of hours; None when it is empty: then it is always time to work.

    Raises: `BadHours`.
    """
    if not line.strip():
        return None
    week: list[list[Span]] = [[] for _ in DAYS]
    for part in line.lower().split(","):
        days, span = _read_part(part.strip())
        for day in days:
            week[day].append(span)
    return Hours(tuple(tuple(sorted(spans)) for spans in week), read_zone(zone))


def read_zone(name: str) -> ZoneInfo:
    """Raises: `BadHours`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadHours(
            f"“{name}” is no time zone; write it as the tz database does: Europe/Moscow."
        ) from None


def _read_part(part: str) -> tuple[list[int], Span]:
    found = _PART.fullmatch(part)
    if found is None:
        raise BadHours(f"“{part}” is not read as hours; write days and times: mon-fri 09:00-18:00.")
    first = _day(found["first"])
    last = _day(found["last"]) if found["last"] else first
    begins, ends = _time(found["begins"]), _time(found["ends"])
    if begins == ends:
        raise BadHours(f"“{part}” ends when it begins; the whole day is 00:00-24:00.")
    count = (last - first) % len(DAYS) + 1
    days = [(first + step) % len(DAYS) for step in range(count)]
    return days, (begins, ends if ends > begins else ends + DAY)


def _day(name: str) -> int:
    if name not in DAYS:
        raise BadHours(f"“{name}” is no day; days are {', '.join(DAYS)}.")
    return DAYS.index(name)


def _time(spelt: str) -> timedelta:
    hours, minutes = map(int, spelt.split(":"))
    found = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or found > DAY:
        raise BadHours(f"“{spelt}” is no time of a day; it has 00:00 to 24:00.")
    return found


def after(hours: Hours | None, moment: datetime, span: timedelta) -> datetime:
    """Return when so much working time has passed since the moment, in UTC.

    The length of a working day is what the clock on the wall says it is: an hour that a change of
    time skips is nobody's, and one that it repeats is worked twice.
    """
    if hours is None:
        return moment.astimezone(UTC) + span
    at, left = moment.astimezone(UTC), span
    shifts = _shifts(hours, at)
    while True:
        begins, ends = next(shifts)
        begins = max(begins, at)
        if ends - begins >= left and ends > begins:
            return begins + left
        if ends > begins:
            left, at = left - (ends - begins), ends


def _shifts(hours: Hours, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Go through the shifts, from the day before: a night shift may still go on."""
    day = since.astimezone(hours.zone).date() - DAY
    while True:
        for begins, ends in hours.week[day.weekday()]:
            yield _moment(day, begins, hours.zone), _moment(day, ends, hours.zone)
        day += DAY


def _moment(day: date, since_midnight: timedelta, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day, time()) + since_midnight
    return wall.replace(tzinfo=zone).astimezone(UTC)
