"""Cases in a trader's words, each beside the figures it must give."""
