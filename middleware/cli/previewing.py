"""What would be done, as lines and tables: of a replay, and of what a dry route rehearsed."""

from mappers.vocabulary import DeliveryId
from middleware.cli.session import Session
from middleware.hub import Hub
from middleware.operations.model import Caller
from middleware.operations.rehearsals import flow
from middleware.operations.rehearsals.flow import Look
from middleware.operations.rehearsals.model import Preview
from middleware.outbox.effects import Effect


def show(session: Session, delivery: DeliveryId, look: Look, *, as_json: bool) -> None:
    """Print what a replay would do."""

    async def work(hub: Hub, caller: Caller) -> Preview:
        return await flow.preview(hub, caller, delivery, look)

    found = session.run(work)
    if as_json:
        session.json(found)
        return
    session.table(("step", "target", "field", "before", "after"), [*map(_row, found.effects)])
    if found.why:
        session.say("rehearsed_note", why=found.why)
    if found.after is not None:
        session.say("rehearsed_waits", after=found.after, state=found.after_state)
    session.say("rehearsed")


def line_of(effect: Effect) -> str:
    """One line of what would be done."""
    _, _, _, before, after = _row(effect)
    change = f"{before} → {after}" if before else after
    return f"would {effect.step} {effect.target}: {effect.name} {change}"


def _row(effect: Effect) -> tuple[str, str, str, str, str]:
    before, after = ", ".join(effect.before), ", ".join(effect.after)
    return effect.step, effect.target, effect.name, before, after
