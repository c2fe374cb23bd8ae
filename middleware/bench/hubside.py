"""The hub of a benchmark as a process of its own: `python -m middleware.bench.hubside`.

    move-in PLAN    connect the accounts of a plan through the flows that the CLI uses, and end
    up [PARTS]      `threadline up`, as it is

With `THREADLINE_BENCH_WIDE` set, budgets let everything through: what is measured then is the
hub, and not its politeness. It imports what it needs when it needs it, as `threadline` does: how
long a start takes is measured, too.
"""

import asyncio
import os
import sys
from pathlib import Path

from middleware.__main__ import main as threadline

WIDE = "THREADLINE_BENCH_WIDE"


def main() -> None:
    if os.environ.get(WIDE):
        from middleware.bench.wide import open_wide  # noqa: PLC0415  # see above

        open_wide()
    match sys.argv[1:]:
        case ["move-in", path]:
            from middleware.bench.moving_in import move_in  # noqa: PLC0415  # see above
            from middleware.trial.plan import Plan  # noqa: PLC0415

            asyncio.run(move_in(Plan.read(Path(path))))
        case _:
            threadline()


if __name__ == "__main__":
    main()
