"""What the pages tell to type works: it is run where that can be, and held against the commands everywhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.reading import PAGES, ROOT, Block, blocks, name_of
from tests.pages.spoken import faults, in_prose, in_shell
from tests.pages.typed import RUN, TYPED, to_run, type_page
from trademon.cli import COMMANDS

SHELL = (*RUN, "bash")
_BEGUN = re.compile(r"^(\$ )?trademon ", re.MULTILINE)
_USAGE = re.compile(r"trademon .*\[OPTIONS\]\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="pages are written for bash")
@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page)], ids=name_of)
def test_what_a_page_tells_to_type_works(page: Path, tmp_path: Path) -> None:
    """From its first block to its last in one shell, and what stands below a `$ command` is what it prints."""
    done, printed = type_page(page, tmp_path)
    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{done.stdout[-2000:]}"
    for block, outputs in printed.items():
        told = [text.removeprefix("\n") for text in TYPED.split(block.text)[2::2]]
        assert told == outputs, f"{block.place}: python -m tests.pages.regenerate"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_a_page_writes_exists(page: Path) -> None:
    """Those that are not run, and those in the middle of a sentence, too: the command, its options, its arguments."""
    told = list(_told(page))
    wrong = {f"{place}: trademon {' '.join(words)}": said for place, words in told if (said := faults(words))}
    assert wrong == {}


def test_every_command_has_its_place_in_a_page_that_a_person_wrote() -> None:
    """The reference has them all; what one is for is told where somebody explains it."""
    written = [page for page in PAGES if page.parent.name != "reference" and page.name != "CHANGELOG.md"]
    told = {words[0] for page in written for _, words in _told(page) if words}
    assert set(COMMANDS) <= told


def _told(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Where, and the words of each command that a page writes."""
    for block in blocks(page):
        if block.language in SHELL:
            yield from ((block.place, words) for words in in_shell(_typed(block)))
    yield from ((name_of(page), words) for words in in_prose(page.read_text(encoding="utf-8")))


def _typed(block: Block) -> str:
    return "\n".join(TYPED.findall(block.text)) if block.language == "console" else block.text


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_blocks_that_are_run(page: Path) -> None:
    """One in a block of another language would be looked at by nobody."""
    for block in blocks(page):
        assert block.language, f"{block.place}: a block without a language"
        if block.language == "text":
            assert not re.match(r"\$ |trademon [a-z]", block.text) or _USAGE.fullmatch(block.text), block.place
        else:
            assert block.language in RUN or not _BEGUN.search(block.text), block.place


def test_the_commands_of_crontab_and_units_exist() -> None:
    """They are copied and nobody looks at them again."""
    files = [ROOT / "crontab.example", *(ROOT / "docs" / "systemd").iterdir()]
    told = [line for file in files for line in re.findall(r"bin/(trademon .+)$", file.read_text(), re.MULTILINE)]
    assert len(told) > 8
    assert [said for line in told for words in in_shell(line) if (said := faults(words))] == []


def test_a_command_that_is_not_there_is_found_out() -> None:
    """So that the tests above can fail."""
    assert faults(["scan", "--broker", "x", "--since", "7d", "-q", "-vv"]) == []
    assert faults(["pnl", "explain", "17", "--json"]) == []
    assert faults(["skan"]) == ["no command skan"]
    assert faults(["scan", "--brokers", "x"]) == ["no option --brokers", "no place for x"]
    assert faults(["pnl", "explane", "17"]) == ["no place for explane", "no place for 17"]
    line = "A=1 trademon scan --broker a && sleep 5; .venv/bin/trademon pnl > x.csv  # trademon nothing"
    assert list(in_shell(line)) == [["scan", "--broker", "a"], ["pnl"]]
    assert list(in_shell("cat > x <<'CSV'\ntrademon, in a file\nCSV\ntrademon pnl")) == [["pnl"]]
