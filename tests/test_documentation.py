"""What README and pages show is true: examples run, outputs are real, names exist. (`make docs` runs the pages' cells.)"""

import re
import runpy
from pathlib import Path

import pytest

import localgrad as lg
import localgrad.layers

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh.md"]
PAGES = sorted(
    path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts and "kinds" not in path.parts
)


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.S | re.M)


def without_comments(code: str) -> list[str]:
    return [line.partition("#")[0].rstrip() for line in code.splitlines()]


@pytest.mark.parametrize("name", READMES)
def test_the_examples_of_a_readme_run_and_print_what_it_says(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = {}
    for code in blocks(name, "python"):
        Path("example.py").write_text(code, encoding="utf-8")
        space = runpy.run_path(str(tmp_path / "example.py"), init_globals=space)
    printed = capsys.readouterr().out
    assert blocks(name, "text")[0] in printed
    assert Path("network.svg").exists()


def test_both_readmes_show_the_same_code():
    first, second = ([without_comments(code) for code in blocks(name, "python")] for name in READMES)
    assert first == second


@pytest.mark.parametrize("path", [*(ROOT / name for name in READMES), *PAGES], ids=lambda path: path.name)
def test_every_name_a_page_mentions_exists(path):
    text = path.read_text(encoding="utf-8")
    missing = {name for name in re.findall(r"\blg\.([A-Za-z_]\w*)", text) if not hasattr(lg, name)}
    imported = re.findall(r"^from localgrad\.layers import (.+)$", text, re.M)
    missing |= {name for line in imported for name in line.split(", ") if not hasattr(localgrad.layers, name)}
    assert not missing


@pytest.mark.parametrize("path", [*(ROOT / name for name in READMES), *PAGES], ids=lambda path: path.name)
def test_links_lead_to_files(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    made = ("kinds/index.md", "kinds/index")  # written when the documentation is built
    assert [link for link in links if not link.endswith(made) and not (path.parent / link).exists()] == []
