"""`python -m tests.pages.regenerate` writes below each `$ command` of the pages what it prints today.

Read the difference before keeping it: the words around it are not rewritten.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.pages.reading import PAGES
from tests.pages.typed import TYPED, to_run, type_page


def main() -> None:
    for page in PAGES:
        if any(block.language == "console" for block in to_run(page)):
            with tempfile.TemporaryDirectory() as home:
                done, printed = type_page(page, Path(home))
            assert done.returncode == 0, done.stderr
            text = page.read_text(encoding="utf-8")
            for block, outputs in printed.items():
                commands = TYPED.findall(block.text)
                written = "".join(f"$ {c}\n{out}" for c, out in zip(commands, outputs, strict=True))
                text = text.replace(f"```console\n{block.text}```", f"```console\n{written}```", 1)
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
