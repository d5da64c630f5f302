"""How the pages are built: `sphinx-build -W -q docs build/docs`, with the extra `docs`.

Pages are plain Markdown, so that they read well where nobody built anything.
"""

from trademon import __version__

project = "trademon"
author = "the trademon authors"
release = version = __version__
html_title = f"trademon {__version__}"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["generate"]
smartquotes = False  # an option is spelt with two hyphens
# So that `page.md#a-heading` leads to that heading, as it does on a forge; a heading that is not there is an error.
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
