"""`python -m docs.generate` writes the generated pages and the picture anew."""

from __future__ import annotations

from docs.generate.pages import GENERATED, ROOT


def main() -> None:
    for name, written in GENERATED.items():
        path = ROOT / name
        before = path.read_text(encoding="utf-8") if path.exists() else None
        text = written()
        path.write_text(text, encoding="utf-8")
        print(f"{name}: {'as it was' if text == before else 'written'}")


if __name__ == "__main__":
    main()
