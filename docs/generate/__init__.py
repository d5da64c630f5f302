"""What of these pages is made from the code: `python -m docs.generate`, in the top directory.

It needs trademon alone, none of the tools that make a site of the pages.
"""
