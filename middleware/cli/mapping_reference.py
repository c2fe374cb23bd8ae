"""The reference page of mappings, printed from the catalogues that the engine runs on."""

from collections.abc import Iterator

from mappers.mapping.sources import FORM, SOURCES, Source
from mappers.mapping.targets import STANDARD, WORDS
from mappers.mapping.transforms import TRANSFORMS, Argument, Transform

DOCUMENT = """\
A document is YAML: `version: 1` and `rules`. Words mean themselves without quotes: `no`, `08:00`
and `+79…` are texts. [Map fields](../how-to/map-fields.md) leads through an example.
"""
RULE = """\
| name | what it holds |
|---|---|
| `target` | where the value goes; required |
| `source` | a source |
| `first_of` | a list of sources: the first one that is filled |
| `const` | a text, a number, `true` or `false` |
| `template` | a text with sources in braces: `{channel.title}: {contact.name\\|contact.phone}`;\
 a brace that is meant is doubled; no value when no source in it is filled |
| `transform` | a transform, or a list of them, applied in order |
| `when` | one condition, or `all` or `any` with a list of them |
| `write` | `always`, `if_empty` or `once` |

A rule has one of `source`, `first_of`, `const`, `template`. Of several rules for one place the
first that has a value has its say; a list takes from every rule. Nothing is ever cleared, and what
a list holds is never taken away.
"""
WHEN = """\
A condition names a `source` and asks one question; `not: true` turns the answer round. Letters are
compared whatever their case, and a list answers for any of its members.

| question | holds when |
|---|---|
| `equals` | the source is this |
| `in` | the source is one of these |
| `empty` | `true`: nothing is there; `false`: something is |
"""
WRITE = """\
| `write` | a place of one value | a list |
|---|---|---|
| `always` | replaces what is there | adds what is missing |
| `if_empty` | writes where nothing is | writes where nothing is |
| `once` | writes where nothing is, and never again, whoever empties it | adds once |

Left out, it is `always` for lists, `once` for `task`, and `if_empty` for everything else.
"""


def mapping_page() -> str:
    """Everything below the title: rules, sources, transforms, targets."""
    return "\n\n".join(
        part.rstrip()
        for part in (
            DOCUMENT,
            f"## Rules\n\n{RULE}",
            f"## Conditions\n\n{WHEN}",
            f"## Ways to write\n\n{WRITE}",
            "## Sources\n\n| source | kind | what it is |\n|---|---|---|\n" + "\n".join(_sources()),
            "## Transforms",
            *map(_transform, TRANSFORMS.values()),
            "## Targets\n\n| target | what it is |\n|---|---|\n" + "\n".join(_targets()),
        )
    )


def _sources() -> Iterator[str]:
    for each in SOURCES.values():
        yield f"| `{each.path}` | {each.kind} | {_about(each)} |"
    yield f"| `{FORM}<name>` | text | A field of a form that the customer filled in. |"


def _about(source: Source) -> str:
    said = [source.about]
    if source.choices:
        said.append(f"One of {', '.join(f'`{each}`' for each in source.choices)}.")
    if source.always:
        said.append("Always filled.")
    if source.only:
        said.append(f"In {source.only} messages only.")
    return " ".join(said)


def _transform(each: Transform) -> str:
    takes = " or ".join(each.takes)
    arguments = "\n".join(_argument(name, one) for name, one in each.arguments.items())
    listed = f"\n\n| argument | |\n|---|---|\n{arguments}" if arguments else ""
    return f"### {each.name}\n\n{each.about}\n\n*Takes {takes}, gives {each.gives}.*{listed}"


def _argument(name: str, argument: Argument) -> str:
    words = [argument.about]
    if argument.required:
        words.append("required")
    elif argument.default:
        words.append(f"default `{argument.default}`")
    if argument.main:
        words.append("may be written without its name")
    return f"| `{name}` | {'; '.join(words)} |"


def _targets() -> Iterator[str]:
    for field in STANDARD:
        holds = "list of texts" if field.multiple else field.kind
        yield f"| `{field.entity}.{field.code}` | {field.title}: {holds}. |"
    for entity in ("contact", "deal"):
        yield f"| `{entity}.<field>` | A field of the account, by code, id or title. |"
    for word, about in WORDS.items():
        yield f"| `{word}` | {about} |"
