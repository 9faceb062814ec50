"""Texts for users: no words that puzzled newcomers, and one way to write percentages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = sorted(
    file
    for place in ("pages", "explorer")
    for file in (ROOT / place).rglob("*.py")
    if "cluster" not in file.parts
)
# Words and phrases that newcomers did not understand, as regular expressions.
PUZZLING = (
    r"\bkin\b",
    r"\bcompany\b",
    r"\blet go of\b",
    r"\b(has|have) to say\b",
    r"\b(speaks?|spoke) for\b",
    r"\bwho (speaks|fires)\b",
    r"\bsays of it\b",
    r"\b(is|are) not asked\b",
    r"\bdream(s|ed|t)? on\b",
    r"\bat will\b",
    r"\bshuffling moves?\b",
    r", step \{",
    r"\) finished",
    r" finished\)$",
    r"\{content\.title\} in \{",
)
# A percentage is written without a space before the sign, and by ``formatting.percent``.
PERCENTAGES = (r"[\d}] %", r"\{[^{}]*:[^{}]*%\}", r"%\{y[^{}]*\} %")


def texts(file: Path) -> Iterator[str]:
    """Yield all texts of a module but its docstrings; of a command, the docstring too.

    An f-string is one text, with its fields as they are written.
    """
    tree = ast.parse(file.read_text("utf-8"))
    docstrings, parts = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            command = isinstance(node, ast.FunctionDef) and node.decorator_list
            if isinstance(first, ast.Expr) and not (command and "cli" in file.parts):
                docstrings.add(first.value)
        if isinstance(node, ast.JoinedStr):
            parts |= {part for value in node.values for part in ast.walk(value)}
    for node in ast.walk(tree):
        if node in docstrings or node in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                it.value if isinstance(it, ast.Constant) else ast.unparse(ast.JoinedStr([it]))[2:-1]
                for it in node.values
                if not isinstance(it, ast.Constant) or isinstance(it.value, str)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_texts_are_found(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""Docs."""\nA = f"{1:.0%} a" "b"\ndef f():\n    """Docs."""\n    return "c"\n'
    )
    assert sorted(texts(file)) == ["c", "{1:.0%} ab"]


@pytest.mark.parametrize("pattern", PUZZLING)
def test_no_text_has_puzzling_words(pattern: str) -> None:
    found = [
        (file.name, text)
        for file in FILES
        for text in texts(file)
        if re.search(pattern, text, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize("pattern", PERCENTAGES)
def test_percentages_are_written_in_one_way(pattern: str) -> None:
    found = [
        (file.name, text)
        for file in FILES
        if file.name != "formatting.py"
        for text in texts(file)
        if re.search(pattern, text)
    ]
    assert found == []
