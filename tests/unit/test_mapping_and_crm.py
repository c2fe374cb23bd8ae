"""What a document asks of a CRM that cannot do it is said before a message comes."""

from middleware.operations.mappings.rules import problems_of_crm

TASK = "version: 1\nrules:\n  - {target: contact.name, const: a}\n  - {target: task, const: b}\n"


class HoldsNothing:
    """A CRM with messages and no more."""


class GivesTasks:
    async def create_task(self) -> None:
        """Named as the ability is."""

    async def find_created_task(self) -> None:
        """Named as the ability is."""


def test_a_crm_without_fields_and_tasks_is_told_apart_from_one_with() -> None:
    found = problems_of_crm(TASK, HoldsNothing())
    assert [(each.level, each.where) for each in found] == [
        ("error", "account"),
        ("error", "rules[2]"),
    ]
    assert [each.where for each in problems_of_crm(TASK, GivesTasks())] == ["account"]


def test_a_document_that_cannot_be_read_asks_nothing() -> None:
    assert problems_of_crm("rules: [", HoldsNothing()) == ()
