"""Refused calls: counted in memory, written down now and then, shown to the admin.

How many come is up to whoever knocks, so a refusal costs a dictionary entry and never a row.
"""

from collections import Counter

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import BigInteger, Text

from middleware.db.engine import transaction

MOST_ADDRESSES = 1000
ELSEWHERE = "(other)"
WRITE = text(
    """
    INSERT INTO refusals (address, reason, hour, count)
    SELECT address, reason, date_trunc('hour', clock_timestamp()), count
    FROM unnest(:addresses, :reasons, :counts) AS counted(address, reason, count)
    ORDER BY address, reason
    ON CONFLICT (address, reason, hour) DO UPDATE SET count = refusals.count + excluded.count
    """
).bindparams(
    bindparam("addresses", type_=ARRAY(Text)),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("counts", type_=ARRAY(BigInteger)),
)


class Refusals:
    """`total` counts since the process began, for the metrics."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self._unwritten: Counter[tuple[str, str]] = Counter()

    def count(self, address: str, reason: str) -> None:
        self.total[reason] += 1
        known = len(self._unwritten) < MOST_ADDRESSES or (address, reason) in self._unwritten
        place = address[:64].encode("ascii", "replace").decode() if known else ELSEWHERE
        self._unwritten[place, reason] += 1

    async def write(self, engine: AsyncEngine) -> None:
        """Write down what was counted since the last time. Raises: `StoreUnavailable`."""
        if not self._unwritten:
            return
        counted, self._unwritten = self._unwritten, Counter()
        try:
            async with transaction(engine) as at:
                await at.execute(
                    WRITE,
                    {
                        "addresses": [address for address, _ in counted],
                        "reasons": [reason for _, reason in counted],
                        "counts": list(counted.values()),
                    },
                )
        except Exception:
            self._unwritten.update(counted)
            raise
