"""Why the store could not do it. Neither is a bug, and neither says what the data is like."""


class StoreUnavailable(Exception):
    """The database could not be asked, or its answer was lost: it may have been committed."""


class StoreConflict(Exception):
    """Two transactions got in each other's way and ours was undone. Run it again."""
