"""`python -m tests.golden.regenerate` rewrites the expected lines of every case from the code.

Read the difference before keeping it: the arithmetic in the comments is not rewritten.
"""

from __future__ import annotations

from tests.golden.cases import CASES, regenerated


def main() -> None:
    for path in CASES:
        path.write_text(regenerated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
