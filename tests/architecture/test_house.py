"""Who knows whom, and who owns what, beyond what import-linter can say."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module

import pytest

import mappers.vocabulary
from channel_clients.emulators.registry import CHANNEL_PARTS
from channel_clients.registry import CHANNELS
from crm_clients.emulators.registry import PARTS
from crm_clients.registry import CRMS
from middleware.db.tables import metadata
from tests.architecture.source import ROOT, modules

CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}
# What adapters are made of, rather than what they say: imported by its full name.
BESIDE_THE_WORDS = {"adapters"}
VOCABULARY = sorted(
    path.stem
    for path in (ROOT / "mappers/vocabulary").glob("*.py")
    if path.stem != "__init__" and path.stem not in BESIDE_THE_WORDS
)
SCHEMA = ("middleware/db/",)


def test_no_adapter_is_hidden_from_the_emulators_contract() -> None:
    forbidden = set(CONTRACTS["Emulators never learn from adapters"]["forbidden_modules"])
    adapters = {f"channel_clients.{name}" for name in CHANNELS}
    adapters |= {f"crm_clients.{name}" for name in CRMS}
    contracts = {"channel_clients.contract", "crm_clients.contract", "mappers"}
    assert forbidden == adapters | contracts


def test_every_adapter_has_a_part_in_trials() -> None:
    """And each part is its own package's, so that whoever plays knows no provider by name."""
    assert (set(PARTS), set(CHANNEL_PARTS)) == (set(CRMS), set(CHANNELS))
    assert all(part.module == f"crm_clients.emulators.{name}" for name, part in PARTS.items())
    assert all(
        part.module == f"channel_clients.emulators.{name}" for name, part in CHANNEL_PARTS.items()
    )


def public_names(module: str) -> set[str]:
    """What a module of the vocabulary defines itself and does not keep to itself."""
    (parsed,) = (
        found for found in modules("mappers") if found.path == f"mappers/vocabulary/{module}.py"
    )
    return {name for name in _defined(parsed.tree) if not name.startswith("_")}


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def test_the_vocabulary_exports_what_its_modules_define() -> None:
    defined = [name for module in VOCABULARY for name in public_names(module)]
    assert sorted(mappers.vocabulary.__all__) == sorted(defined)


def test_what_adapters_are_made_of_is_imported_by_its_full_name() -> None:
    for module in BESIDE_THE_WORDS:
        assert public_names(module).isdisjoint(mappers.vocabulary.__all__)


@pytest.mark.parametrize("module", VOCABULARY)
def test_no_word_is_another_one_under_the_same_name(module: str) -> None:
    defined = import_module(f"mappers.vocabulary.{module}")
    for name in public_names(module):
        assert getattr(mappers.vocabulary, name) is getattr(defined, name)


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_every_table_has_an_owner(table: str) -> None:
    """Some module that speaks SQL, other than the schema itself, reads or writes it."""
    word = re.compile(rf"\b{table}\b")
    owners = [
        module.path
        for module in modules("middleware")
        if not module.path.startswith(SCHEMA)
        and any(isinstance(n, ast.ImportFrom) and _is_sql(n) for n in module.tree.body)
        and any(word.search(said) for said in _said(module.tree))
    ]
    assert owners


def _is_sql(node: ast.ImportFrom) -> bool:
    return (node.module or "").startswith(("sqlalchemy", "middleware.db"))


def _said(tree: ast.Module) -> Iterator[str]:
    """Statements spelled out, and tables named: not comments, not docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, documented)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if text not in docstrings:
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case _:
                pass
