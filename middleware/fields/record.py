"""Recording what was written: what is remembered, what is owed, and what waits for a person."""

from datetime import datetime

from mappers.vocabulary import DeliveryKind, DeliveryState, Permanent, Priority
from middleware.fields import rules
from middleware.fields.flow import FieldsWritten
from middleware.store.duties import Duty, Job, Settlement
from middleware.store.port import Unit
from middleware.store.rows import Pinned, pinned_in

FIELD_GONE = "hub.field_gone"


async def record_fields(unit: Unit, job: Job, result: FieldsWritten, now: datetime) -> None:
    """Remember what was filled and owe the tasks. What could not be written waits.

    If another version is in force by now, it waits for nobody: that version is tried at once.
    """
    plan = result.plan
    told = {"changes": rules.told(plan), "missing": list(plan.missing)}
    settlement = Settlement(state=DeliveryState.DONE, detail=told)
    if plan.missing:
        newer = await _newer(unit, job)
        settlement = Settlement(
            state=DeliveryState.DEAD if newer is None else DeliveryState.READY,
            due_at=None if newer is None else now,
            failure=Permanent(code=FIELD_GONE),
            detail=told if newer is None else {**told, **newer.detail},
        )
    await unit.settle(job, settlement)
    for card, keys in sorted(rules.filled(job, plan.changes).items()):
        await unit.remember_filled(job.target, card, keys)
    if job.contact is not None:
        for hint in plan.hints:
            await unit.hint(job.workspace, job.contact, hint)
    for rule in plan.tasks:
        await _owe_task(unit, job, rule)


async def _newer(unit: Unit, job: Job) -> Pinned | None:
    """The version in force on the delivery's route, when it is not the one that was tried."""
    if job.conversation is None:
        return None
    for route in await unit.routes_from(job.conversation.connection):
        if route.target == job.target and route.mapping not in (None, pinned_in(job.detail)):
            return route.mapping
    return None


async def _owe_task(unit: Unit, job: Job, rule: int) -> None:
    """Owe a task under its rule's number. Its text is computed again: see `rules.task_text`."""
    pinned = pinned_in(job.detail)
    if pinned is None or job.message_id is None:
        return
    await unit.owe(
        Duty(
            workspace=job.workspace,
            target=job.target,
            lane=rules.task_lane(job.message_id),
            kind=DeliveryKind.CREATE_TASK,
            subject=job.message_id,
            part=rule,
            priority=Priority.STATUS,
            route=job.route,
            message=job.message_id,
            conversation=None if job.conversation is None else job.conversation.id,
            contact=job.contact,
            detail={**pinned.detail, "rule": rule, "new": bool(job.detail.get("new"))},
        )
    )
