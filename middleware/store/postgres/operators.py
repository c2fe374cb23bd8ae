"""What a CRM's operators are called."""

from collections.abc import Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from mappers.text import clean
from mappers.vocabulary import ConnectionId, Operator
from middleware.db.direct import Session

KNOW = text(
    """
    INSERT INTO operators (connection_id, id, name)
    SELECT :target, given.id, given.name FROM unnest(:ids, :names) AS given(id, name)
    ORDER BY given.id
    ON CONFLICT (connection_id, id) DO UPDATE SET name = excluded.name
    WHERE operators.name <> excluded.name
    """
).bindparams(bindparam("ids", type_=ARRAY(Text)), bindparam("names", type_=ARRAY(Text)))
NAME = text("SELECT name FROM operators WHERE connection_id = :target AND id = :operator")


async def know(at: Session, target: ConnectionId, operators: Sequence[Operator]) -> None:
    named = {clean(each.id): clean(each.name) for each in operators if each.id and each.name}
    if named:
        values = {"target": target, "ids": list(named), "names": list(named.values())}
        await at.execute(KNOW, values)


async def name(at: Session, target: ConnectionId, operator: str) -> str:
    found = (await at.execute(NAME, {"target": target, "operator": clean(operator)})).scalar()
    return "" if found is None else str(found)
