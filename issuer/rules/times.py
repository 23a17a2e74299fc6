"""Opening hours and dates, as rules write them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "(?:" + "|".join(_DAYS) + ")"
_DAY_RANGE = rf"{_DAY}(?:-{_DAY})?"
_TIME_RANGE = r"[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}"
_ENTRY = re.compile(rf"(?P<days>(?:{_DAY_RANGE} )*)(?P<times>(?:{_TIME_RANGE} )+)")
_HOURS = re.compile(rf"(?:(?:{_DAY_RANGE}|{_TIME_RANGE}) )*{_TIME_RANGE} ")
_MAX_TEXT = 1_000
_MIDNIGHT = 24 * 60

# RFC 3339 §5.6: full-date, or date-time, which has an offset.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    rf"{_DATE.pattern}[Tt ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """From one minute of the day until before another, on some days; over midnight when it ends first."""

    days: frozenset[int]
    start: int
    end: int

    def contain(self, day: int, minute: int) -> bool:
        """Say whether a moment lies in them; hours over midnight belong to the day they start on."""
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or (
            (day - 1) % 7 in self.days and minute < self.end
        )


def zone(name: str) -> ZoneInfo:
    """Return the time zone of a name such as `Europe/Paris`."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as failure:
        raise ValueError("there is no such time zone; write one such as Europe/Paris") from failure


@lru_cache(maxsize=256)
def hours(text: str) -> tuple[Hours, ...]:
    """Read `Mon-Fri 08:00-12:00, 13:00-18:00; Sat 22:00-02:00`.

    Days come before their hours; hours without days are for every day. Commas, semicolons and spaces
    separate.
    """
    compact = re.sub(r"\s*-\s*", "-", text[:_MAX_TEXT].lower())
    words = re.sub(r"[\s,;]+", " ", compact).strip() + " "
    if len(text) > _MAX_TEXT or not _HOURS.fullmatch(words):
        raise ValueError("hours are written like Mon-Fri 08:00-18:00; Sat 10:00-12:00")
    return tuple(
        Hours(days, *_minutes(times))
        for entry in _ENTRY.finditer(words)
        for days in [_days(entry["days"])]
        for times in entry["times"].split()
    )


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for word in text.split():
        first, _, last = word.partition("-")
        start = _DAYS.index(first)
        length = (_DAYS.index(last or first) - start) % 7 + 1
        found |= {(start + i) % 7 for i in range(length)}
    return frozenset(found or range(7))


def _minutes(text: str) -> tuple[int, int]:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    if start == end or start >= _MIDNIGHT or end > _MIDNIGHT or int(text[3:5]) > 59 or int(text[-2:]) > 59:
        raise ValueError("hours run from 00:00 to 24:00, and end at another time than they start")
    return start, end


def is_open(now: float, hours_text: str, zone_name: str) -> bool:
    """Say whether a moment lies within hours, by the clock on the wall of a time zone."""
    local = datetime.fromtimestamp(now, zone(zone_name))
    minute = local.hour * 60 + local.minute
    return any(entry.contain(local.weekday(), minute) for entry in hours(hours_text))


@lru_cache(maxsize=256)
def moment(text: str) -> tuple[float, float]:
    """Return the first moment of a date or time, and the first one after it, in seconds since 1970.

    A date is the whole day, in UTC; a time is a moment.
    """
    try:
        if _DATE.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return day.timestamp(), (day + timedelta(days=1)).timestamp()
        if _DATE_TIME.fullmatch(text):
            exact = datetime.fromisoformat(text.upper()).timestamp()
            return exact, exact
    except (ValueError, OverflowError) as failure:
        raise ValueError("there is no such date") from failure
    raise ValueError("a date is written like 2026-01-31 or 2026-01-31T18:00:00+01:00")


def is_between(now: float, start: str, end: str) -> bool:
    """Say whether a moment is not before `start` and not after `end`; an empty text is an open end."""
    return (not start or now >= moment(start)[0]) and (not end or now < moment(end)[1])
