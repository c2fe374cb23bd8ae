"""CRMs by name, for commands that play them."""

from middleware.cli.session import Session


def crms_in(session: Session, listed: str) -> tuple[str, ...]:
    """Read a list of CRMs, or refuse a name that no emulator plays."""
    from middleware.trial.layout import playable, unplayed  # noqa: PLC0415  # dear to import

    crms = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not crms or unplayed(crms):
        names = ", ".join(unplayed(crms)) or f"“{listed}”"
        session.fail(session.word("no_emulator", names=names, known=", ".join(playable())))
    return crms


def crm_in(session: Session, given: str) -> str:
    """Read one CRM's name; a list is refused as an unknown name is."""
    return crms_in(session, given.replace(",", " "))[0]
