"""What cards would hold by now: what was to be written in a rehearsal, over what they hold."""

from dataclasses import dataclass, field

from mappers.mapping.targets import STANDARD, stages_of
from mappers.vocabulary import Catalogue, DealDraft, Field, RecordDraft

Held = tuple[str, ...]


def field_at(key: str, catalogue: Catalogue) -> Field | None:
    """Find what a key of a mapping's target names; None for a word such as `tags`."""
    entity, _, name = key.partition(":")
    known = (*catalogue.fields, *STANDARD)
    return next((each for each in known if (each.entity, each.id) == (entity, name)), None)


def spelt(key: str, catalogue: Catalogue) -> str:
    """Call a place as a mapping would: `contact.Phone`."""
    known = field_at(key, catalogue)
    return key if known is None else f"{known.entity}.{known.title}"


@dataclass(slots=True)
class Cards:
    """Drafts of what would be made or completed, and values that would be written, by card."""

    drafts: dict[str, RecordDraft | DealDraft] = field(default_factory=dict)
    values: dict[tuple[str, str], Held] = field(default_factory=dict)

    def holds(self, card: str, key: str, there: Held, catalogue: Catalogue) -> Held:
        """What a place would hold, given what is there now. Lists only grow."""
        if (card, key) in self.values:
            return self.values[card, key]
        draft = self.drafts.get(card)
        if draft is None:
            return there
        return tuple(dict.fromkeys((*there, *_drafted(draft, key, catalogue))))


def _drafted(draft: RecordDraft | DealDraft, key: str, catalogue: Catalogue) -> Held:
    known = field_at(key, catalogue)
    code = key if known is None else known.code.casefold()
    of = _of_record(draft) if isinstance(draft, RecordDraft) else _of_deal(draft, catalogue)
    return tuple(each for each in of.get(code, ()) if each)


def _of_record(draft: RecordDraft) -> dict[str, Held]:
    return {
        "name": (draft.name,),
        "phone": draft.phones,
        "email": draft.emails,
        "responsible": (draft.responsible,),
    }


def _of_deal(draft: DealDraft, catalogue: Catalogue) -> dict[str, Held]:
    """What is left to the CRM is its main pipeline, and a pipeline's first stage."""
    main = next((each.id for each in catalogue.pipelines if each.is_main), "")
    pipeline = draft.pipeline or main
    first = next((stage for stage, _ in stages_of(catalogue, pipeline)), "")
    return {
        "title": (draft.title,),
        "pipeline": (pipeline,),
        "stage": (draft.stage or first,),
        "tags": draft.tags,
        "responsible": (draft.responsible,),
    }
