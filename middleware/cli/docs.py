"""`threadline docs`: the reference pages and `.env.example`, printed from the code."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from middleware.cli.reference import REFERENCE, cli_page, static_pages


def pages(app: typer.Typer) -> dict[str, str]:
    """Every printed page by its path in the repository."""
    return {**static_pages(), f"{REFERENCE}/cli.md": cli_page("threadline", get_command(app))}


def stale(root: Path, expected: dict[str, str]) -> list[str]:
    """Name the pages that do not say what the code says."""
    return [
        path
        for path, text in expected.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]


def register(app: typer.Typer) -> None:
    """Add the command to the command line that it describes."""

    @app.command("docs")
    def docs(
        check: Annotated[
            bool, typer.Option("--check", help="Write nothing; fail when a page is out of date.")
        ] = False,
        root: Annotated[Path, typer.Option(help="The checkout whose pages these are.")] = Path(),
    ) -> None:
        """Print the reference pages from the code."""
        if not (root / "docs").is_dir():
            sys.stderr.write(f"There is no docs folder in {root.resolve()}: is it a checkout?\n")
            raise typer.Exit(2)
        expected = pages(app)
        old = stale(root, expected)
        if check and old:
            names = "".join(f"  {path}\n" for path in old)
            sys.stderr.write(f"Out of date; print them anew with `threadline docs`:\n{names}")
            raise typer.Exit(1)
        for path in old:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(expected[path], "utf-8")
            sys.stdout.write(f"printed {path}\n")
