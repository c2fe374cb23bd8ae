"""Why the store could not do it. None is a bug, and none says what the data is like."""


class StoreUnavailable(Exception):
    """The database could not be asked, or its answer was lost: it may have been committed."""


class StoreConflict(Exception):
    """Two transactions got in each other's way and ours was undone. Run it again."""


class NotInFlight(Exception):
    """The delivery is not being attempted by us any more: it was settled already."""


class LeaseLost(Exception):
    """Another worker serves this connection now; what we were about to record is not ours."""
