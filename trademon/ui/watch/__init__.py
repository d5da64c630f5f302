"""The dashboard of `trademon watch`: a state and a view of it to lines, keys to views, lines to a terminal."""
