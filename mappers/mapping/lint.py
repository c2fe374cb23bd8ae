"""Judging a document before it runs: against itself, and against what an account has. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from mappers.mapping.engine import choice_of, zone_of
from mappers.mapping.model import Condition, Document, Kind, Level, Origin, Problem, Rule
from mappers.mapping.sources import FORM, INBOUND, OUTBOUND, SOURCES, closest, source_of
from mappers.mapping.targets import ENTITIES, Place, names_of_targets, places_of, stages_of
from mappers.mapping.transforms import TRANSFORMS, kind_after, spelt
from mappers.vocabulary import Catalogue, FieldKind

ACCEPTED: dict[FieldKind, tuple[Kind, ...]] = {
    "text": ("text", "number", "boolean", "date", "moment", "texts"),
    "choice": ("text", "number", "texts"),
    "number": ("number",),
    "boolean": ("boolean",),
    "date": ("date", "moment"),
    "moment": ("date", "moment"),
}
ADVICE: dict[FieldKind, str] = {
    "number": "Add the transform `number`.",
    "boolean": "Give true or false.",
    "date": "Give a moment, such as message.sent_at.",
    "moment": "Give a moment, such as message.sent_at.",
    "choice": "Put it in words first: `date` with a format, or `bool`.",
}
# Every deal has them from its beginning.
NEVER_EMPTY = frozenset({"pipeline", "stage", "responsible"})
NAMES: dict[Kind, str] = {each: each for each in get_args(Kind)} | {"texts": "list"}
DIRECTIONS = (INBOUND, OUTBOUND)


def lint(
    document: Document,
    catalogue: Catalogue | None,
    never: frozenset[str] = frozenset(),
) -> tuple[Problem, ...]:
    """Say everything that is wrong, in the order of the rules; errors and warnings.

    Without a catalogue only the document itself is judged. `never` are sources that the channel
    at hand cannot fill.
    """
    judge = _Judge(document, catalogue, never)
    return (
        *judge.of_account(),
        *(each for n in range(len(document.rules)) for each in judge.of(n)),
    )


def is_writable(document: Document, rule: int, catalogue: Catalogue) -> bool:
    """Whether a rule, counted from 1, leads to what the account has, and can be held there."""
    found = _Judge(document, catalogue, frozenset()).of(rule - 1)
    return all(each.level != "error" for each in found)


@dataclass(frozen=True, slots=True)
class _Judge:
    document: Document
    catalogue: Catalogue | None
    never: frozenset[str]

    def of(self, index: int) -> Iterator[Problem]:
        rule = self.document.rules[index]
        yield from self._of_target(index, rule)
        yield from self._of_value(index, rule)
        yield from self._of_conditions(index, rule)
        yield from self._of_others(index, rule)

    def of_account(self) -> Iterator[Problem]:
        if self.catalogue is not None and zone_of(self.catalogue) is None:
            what = f"The account's time zone “{self.catalogue.zone}” is not known: dates are UTC."
            yield Problem(level="warning", where="account", what=what, do="")

    def _found(self, level: Level, index: int, part: str, what: str, do: str = "") -> Problem:
        where = f"rules[{index + 1}]" + (f".{part}" if part else "")
        lines = self.document.lines
        line = lines.get(where) or lines.get(f"rules[{index + 1}]", 0)
        return Problem(level=level, where=where, what=what, do=do, line=line)

    # What is written to.

    def _of_target(self, index: int, rule: Rule) -> Iterator[Problem]:
        places = places_of(rule.target, self.catalogue or Catalogue())
        known = names_of_targets(self.catalogue or Catalogue())
        is_field = rule.target.partition(".")[0] in ENTITIES and "." in rule.target
        if not places and (self.catalogue is not None or not is_field):
            what = f"The account has no “{rule.target}”."
            yield self._found("error", index, "target", what, closest(rule.target, known))
        elif len(places) > 1:
            ids = ", ".join(
                f"{rule.target.partition('.')[0]}.{p.key.partition(':')[2]}" for p in places
            )
            what = f"The account has several fields “{rule.target}”."
            yield self._found("error", index, "target", what, f"Name one by its id: {ids}.")
        elif places and (places[0].read_only or places[0].kind == "other"):
            what = f"“{rule.target}” cannot be written by a mapping."
            yield self._found("error", index, "target", what, "Choose another field.")
        elif places:
            yield from self._of_kind(index, rule, places[0])
            yield from self._of_write(index, rule, places[0])

    def _of_kind(self, index: int, rule: Rule, place: Place) -> Iterator[Problem]:
        kind, stuck = kind_after(rule.steps, kind_of(rule.origin))
        if stuck is not None:
            return
        if kind not in ACCEPTED.get(place.kind, ()):
            what = f"“{rule.target}” holds a {place.kind}, and the rule gives a {NAMES[kind]}."
            yield self._found("error", index, "target", what, ADVICE.get(place.kind, ""))
            return
        if kind == "texts" and not place.multiple:
            what = f"“{rule.target}” holds one value, and the rule gives a list."
            yield self._found("warning", index, "target", what, "Add `join`, or it is “a, b”.")
        if place.kind == "choice" and self.catalogue is not None:
            yield from self._of_choices(index, rule, place)
        if place.key == "tags" and self.catalogue is not None:
            yield from self._of_tags(index, rule, self.catalogue.tags)

    def _of_write(self, index: int, rule: Rule, place: Place) -> Iterator[Problem]:
        if place.key in NEVER_EMPTY and (rule.write or place.write) != "always":
            what = f"“{rule.target}” is never empty, so the rule never writes."
            yield self._found("warning", index, "target", what, "Say `write: always`.")

    def _of_tags(self, index: int, rule: Rule, tags: tuple[str, ...]) -> Iterator[Problem]:
        known = {tag.casefold() for tag in tags}
        for part, word in certain_words(rule):
            if word.strip().casefold() not in known:
                what = f"The account has no tag “{word}” yet: writing it makes one."
                yield self._found("warning", index, part, what, closest(word, tags))

    def _of_choices(self, index: int, rule: Rule, place: Place) -> Iterator[Problem]:
        labels = tuple(label for _, label in self._choices(place))
        for part, word in certain_words(rule):
            if not choice_of(word, self._with_choices(place)):
                what = f"“{rule.target}” has no “{word}”."
                yield self._found("error", index, part, what, closest(word, labels))

    def _with_choices(self, place: Place) -> Place:
        return Place(key=place.key, kind="choice", title=place.title, choices=self._choices(place))

    def _choices(self, place: Place) -> tuple[tuple[str, str], ...]:
        """Stages count where the document itself may put the deal; else anywhere."""
        catalogue = self.catalogue or Catalogue()
        named = [r for r in self.document.rules if r.target == "pipeline"]
        if place.key != "stage" or not named:
            return place.choices
        pipelines = places_of("pipeline", catalogue)[0]
        words = [word for rule in named for _, word in certain_words(rule)]
        stages = [s for word in words for s in stages_of(catalogue, choice_of(word, pipelines))]
        return tuple(stages) if words else place.choices

    # What is written.

    def _of_value(self, index: int, rule: Rule) -> Iterator[Problem]:
        kind, stuck = kind_after(rule.steps, kind_of(rule.origin))
        if stuck is not None:
            step = TRANSFORMS[rule.steps[stuck].name]
            takes = " or a ".join(NAMES[each] for each in step.takes)
            what = f"“{step.name}” takes a {takes}, and is given a {NAMES[kind]}."
            yield self._found("error", index, f"transform[{stuck + 1}]", what)
        for position, path in enumerate(rule.origin.named, 1):
            if why := self._why_never(path, rule):
                what = f"“{path}” will never be filled: {why}"
                yield self._found("warning", index, _part_of(rule.origin), what)
            source = source_of(path)
            if source and source.always and 0 < position < len(rule.origin.sources):
                what = f"“{path}” is always filled: what comes after it is never reached."
                yield self._found("warning", index, "first_of", what, "Put it last.")

    def _why_never(self, path: str, rule: Rule) -> str:
        source = source_of(path)
        if path in self.never or (path.startswith(FORM) and f"{FORM}*" in self.never):
            return "the channel does not tell it."
        if source is None or not source.only:
            return ""
        (other,) = (each for each in DIRECTIONS if each != source.only)
        is_asked = any(
            each.source == "message.direction" and not each.negated and each.among == (other,)
            for each in rule.when.conditions
        )
        is_asked = is_asked and (rule.when.mode == "all" or len(rule.when.conditions) == 1)
        return f"the rule applies to {other} messages only." if is_asked else ""

    # When.

    def _of_conditions(self, index: int, rule: Rule) -> Iterator[Problem]:
        for each in rule.when.conditions:
            yield from self._of_condition(index, each)
        if rule.when.mode == "all":
            yield from self._contradictions(index, rule.when.conditions)

    def _of_condition(self, index: int, asked: Condition) -> Iterator[Problem]:
        source = source_of(asked.source)
        if source is None:
            return
        for word in map(spelt, asked.among or ()):
            if source.choices and word.casefold() not in source.choices:
                what = f"“{asked.source}” is never “{word}”."
                yield self._found("error", index, "when", what, closest(word, source.choices))
            if source.kind == "boolean" and word not in {"true", "false"}:
                what = f"“{asked.source}” is true or false, never “{word}”."
                yield self._found("error", index, "when", what, "Write true or false.")
        if asked.among is None and source.always:
            answer = "always" if asked.negated else "never"
            what = f"“{asked.source}” is always filled, so this {answer} holds."
            yield self._found("warning", index, "when", what, "Leave it out.")

    def _contradictions(self, index: int, asked: tuple[Condition, ...]) -> Iterator[Problem]:
        left: dict[str, set[str]] = {}
        for each in asked:
            if each.among is None or each.negated or _is_list(each.source):
                continue
            words = {spelt(word).casefold() for word in each.among}
            left[each.source] = left.get(each.source, words) & words
            if not left[each.source]:
                what = f"The rule is never reached: “{each.source}” cannot be both."
                yield self._found("warning", index, "when", what, "Use `any`, or `in`.")
                return

    # Among the others.

    def _of_others(self, index: int, rule: Rule) -> Iterator[Problem]:
        place = self._place(rule)
        earlier = [
            (number, other)
            for number, other in enumerate(self.document.rules[:index], 1)
            if self._place(other).key == place.key
        ]
        for number, other in earlier:
            is_same = other.when == rule.when
            if is_same and (not place.multiple or (other.origin, other.steps) == _value(rule)):
                what = f"Rule {number} writes to “{rule.target}” under the same conditions."
                do = "Make one rule of them, with first_of."
                yield self._found("error", index, "target", what, do)
                return
            if not place.multiple and not other.when.conditions and is_certain(other):
                what = f"The rule is never reached: rule {number} always has a value for it."
                yield self._found("warning", index, "", what, "Put the rule with `when` first.")
                return

    def _place(self, rule: Rule) -> Place:
        places = places_of(rule.target, self.catalogue or Catalogue())
        return places[0] if places else Place(key=rule.target, kind="text", title=rule.target)


def kind_of(origin: Origin) -> Kind:
    """The kind of the value that a rule begins with. Sources of several kinds give text."""
    match origin.const:
        case None if origin.template:
            return "text"
        case None:
            kinds = {source.kind for path in origin.sources if (source := source_of(path))}
            return kinds.pop() if len(kinds) == 1 else "text"
        case bool():
            return "boolean"
        case str():
            return "text"
        case _:
            return "number"


def certain_words(rule: Rule) -> Iterator[tuple[str, str]]:
    """The texts that a rule is sure to give, or that its last table does, and where they stand."""
    if rule.steps and rule.steps[-1].name in {"lookup", "bool"}:
        arguments = rule.steps[-1].arguments
        given = arguments["table"].values() if "table" in arguments else ()
        words = (*given, *(arguments.get(name) for name in ("default", "true", "false")))
        part = f"transform[{len(rule.steps)}]"
        yield from ((part, word) for word in dict.fromkeys(words) if word)
    elif rule.origin.const is not None and not rule.steps:
        yield "const", spelt(rule.origin.const)


def is_certain(rule: Rule) -> bool:
    """Whether a rule has a value whatever the facts are."""
    if rule.steps:
        return False
    origin = rule.origin
    if origin.const is not None:
        return True
    return any(source.always for path in origin.named if (source := source_of(path)))


def _value(rule: Rule) -> tuple[Origin, object]:
    return rule.origin, rule.steps


def _part_of(origin: Origin) -> str:
    if origin.template:
        return "template"
    return "source" if len(origin.sources) == 1 else "first_of"


def _is_list(path: str) -> bool:
    source = SOURCES.get(path)
    return source is not None and source.kind == "texts"
