"""Looking at what the hub stands on."""

import shutil
from datetime import timedelta

from middleware.backup.store import since_last
from middleware.hub import Hub
from middleware.operations.site import store
from middleware.operations.site.rules import Remark, Site, remarks


async def examine(hub: Hub) -> tuple[Remark, ...]:
    """Look, and say what needs attention. Raises: `StoreUnavailable`; `OSError`."""
    began = hub.clock.monotonic()
    row = await store.look(hub.engine)
    waited = timedelta(seconds=hub.clock.monotonic() - began)
    site = Site(
        version=row.version,
        size_bytes=row.size_bytes,
        sessions=row.sessions,
        sessions_most=row.sessions_most,
        longest=row.longest,
        ahead=hub.clock.now() - waited / 2 - row.now,
        free_bytes=shutil.disk_usage(hub.settings.data_dir).free,
        backup=await since_last(hub.engine),
    )
    return tuple(remarks(site))
