"""The pages. A package, so that `python -m docs.generate` finds what makes some of them from the code."""
