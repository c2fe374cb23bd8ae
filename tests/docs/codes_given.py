"""Every failure code that the source can give, found by reading it instead of running it."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Function, Module, functions

OURS = re.compile(r"(?:hub|crm)\.[a-z_]+")
MANY = "…"


def codes_given(module: Module) -> set[str]:
    """Codes that calls in this module are given, and the hub's own wherever they are spelled out.

    A code that is put together from parts ends in `…`, unless its parts can be followed.
    """
    reader = _Reader(module)
    found = {code for call in _calls(module.tree) for code in reader.of_call(call)}
    return {code for code in found | _spelled_out(module.tree) if "." in code}


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _spelled_out(tree: ast.AST) -> set[str]:
    """The hub's own codes, except names of log events, of files, and what our API's callers get."""
    other = {id(part) for node in ast.walk(tree) for part in _not_codes(node)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and OURS.fullmatch(node.value)
        and id(node) not in other
    }


def _not_codes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            yield from ast.walk(node)
        case ast.BinOp(op=ast.Div(), right=right):
            yield right
        case ast.ClassDef(body=body):
            yield from (line.value for line in body if isinstance(line, ast.Assign))
        case _:
            pass


class _Reader:
    """Follows an expression to the texts that it can be, inside one module."""

    def __init__(self, module: Module) -> None:
        self.tree = module.tree
        self.functions: dict[str, Function] = {}
        for name, function in functions(module):
            self.functions.setdefault(name.rpartition(".")[2], function)

    def of_call(self, call: ast.Call) -> Iterator[str]:
        is_revoked = isinstance(call.func, ast.Name) and call.func.id == "AccessRevoked"
        for keyword in call.keywords:
            if keyword.arg == ("reason" if is_revoked else "code"):
                yield from self.texts(keyword.value)

    def texts(self, value: ast.expr) -> Iterator[str]:
        match value:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp(body=body, orelse=orelse):
                yield from self.texts(body)
                yield from self.texts(orelse)
            case ast.JoinedStr(
                values=[ast.Constant(value=str(start)), ast.FormattedValue() as tail]
            ):
                yield from self._put_together(start, tail)
            case ast.Name(id=name):
                for assigned in self._assigned(name):
                    yield from self.texts(assigned)
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                for node in ast.walk(self.functions[name]):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield from self.texts(node.value)
            case _:
                pass  # another failure's code, or a constant of a `codes` module: listed there

    def _assigned(self, name: str) -> Iterator[ast.expr]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                    yield value
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    pairs = zip(names, values, strict=False)
                    yield from (v for n, v in pairs if isinstance(n, ast.Name) and n.id == name)
                case _:
                    pass

    def _put_together(self, start: str, tail: ast.FormattedValue) -> Iterator[str]:
        """`f"telegram.{word}"`, where `word` is what local callers pass first."""
        if isinstance(word := tail.value, ast.Name):
            for name, function in self.functions.items():
                first = function.args.args[:1]
                if [a.arg for a in first] == [word.id] and tail in ast.walk(function):
                    passed = [
                        call.args[0]
                        for call in _calls(self.tree)
                        if isinstance(call.func, ast.Name) and call.func.id == name and call.args
                    ]
                    for argument in passed:
                        yield from (start + text for text in self.texts(argument))
                    return
        yield f"{start}{MANY}"
