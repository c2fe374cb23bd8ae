"""The MarkdownV2 style of `parse_mode`. Source: https://core.telegram.org/bots/api#markdownv2-style

Every reserved character that marks nothing must be escaped, or the whole message is refused.
"""

import re

from channel_clients.emulators.telegram.spans import Draft, Entity, Unparsable, byte_offset

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
# Longest first: `__` is underline and not two italics.
_PAIRED = {
    "```": "pre",
    "__": "underline",
    "||": "spoiler",
    "*": "bold",
    "_": "italic",
    "~": "strikethrough",
    "`": "code",
}
_NAMES = {
    "pre": "Pre",
    "underline": "Underline",
    "spoiler": "Spoiler",
    "bold": "Bold",
    "italic": "Italic",
    "strikethrough": "Strikethrough",
    "code": "Code",
    "text_link": "TextUrl",
    "custom_emoji": "CustomEmoji",
}
_LANGUAGE = re.compile(r"([^\s`]+)\n|\n")
_TARGET = re.compile(r"\(((?:\\[\x01-\x7e]|[^)\\])*)\)", re.DOTALL)
_ESCAPE = re.compile(r"\\([\x01-\x7e])")


def parse_markdown_v2(source: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities.

    Raises: `Unparsable` for a reserved character left bare, or an entity without an end.
    """
    draft = Draft()
    position = 0
    while position < len(source):
        position = _step(draft, source, position)
    if draft.stack and draft.stack[-1].tag == "\n":
        draft.end()
    if draft.stack:
        last = draft.stack[-1]
        kind = _NAMES[last.entity["type"]] if last.entity else "Bold"
        at = byte_offset(source, last.at)
        raise Unparsable(f"Can't find end of {kind} entity at byte offset {at}")
    return draft.finished()


def _step(draft: Draft, source: str, at: int) -> int:
    """Read one mark or one character; return where the next one starts."""
    if escaped := _ESCAPE.match(source, at):
        draft.write(escaped[1])
        return escaped.end()
    open_tag = draft.stack[-1].tag if draft.stack else ""
    if open_tag in {"`", "```"}:
        return _inside_code(draft, source, at, open_tag)
    if source[at] == "\n":
        return _new_line(draft, source, at, open_tag)
    if source[at] == "]" and open_tag == "]":
        return _link_end(draft, source, at)
    if source[at] == "[":
        draft.begin("]", at, "text_link")
        return at + 1
    if source.startswith("![", at):
        draft.begin("]", at, "custom_emoji")
        return at + 2
    if source[at] == ">" and (at == 0 or source[at - 1] == "\n"):
        if not any(item.tag == "\n" for item in draft.stack):
            draft.begin("\n", at, "blockquote")
        return at + 1
    return _mark(draft, source, at, open_tag)


def _mark(draft: Draft, source: str, at: int, open_tag: str) -> int:
    mark = next((mark for mark in _PAIRED if source.startswith(mark, at)), None)
    if mark is None:
        if source[at] in _RESERVED:
            raise Unparsable(
                f"Character '{source[at]}' is reserved and must be escaped with the preceding '\\'"
            )
        draft.write(source[at])
        return at + 1
    if open_tag == mark:
        draft.end()
        return at + len(mark)
    if mark != "```":
        draft.begin(mark, at, _PAIRED[mark])
        return at + len(mark)
    language = _LANGUAGE.match(source, at + 3)
    extra = {"language": language[1]} if language and language[1] else {}
    draft.begin(mark, at, "pre", **extra)
    return language.end() if language else at + 3


def _inside_code(draft: Draft, source: str, at: int, tag: str) -> int:
    if source.startswith(tag, at):
        draft.end()
        return at + len(tag)
    draft.write(source[at])
    return at + 1


def _new_line(draft: Draft, source: str, at: int, open_tag: str) -> int:
    if open_tag == "\n" and not source.startswith(">", at + 1):
        draft.end()
    draft.write("\n")
    return at + 1


def _link_end(draft: Draft, source: str, at: int) -> int:
    target = _TARGET.match(source, at + 1)
    if target is None:
        if source.startswith("(", at + 1):
            offset = byte_offset(source, at + 1)
            raise Unparsable(f"Can't find end of a URL at byte offset {offset}")
        draft.stack[-1].entity = None
        draft.end()
        return at + 1
    url = _ESCAPE.sub(r"\1", target[1])
    entity = draft.stack[-1].entity
    if entity is not None and entity["type"] == "custom_emoji":
        draft.end(custom_emoji_id=url.rpartition("id=")[2])
    else:
        draft.end(url=url)
    return target.end()
