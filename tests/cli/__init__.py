"""Tests of the installed command, one command line at a time."""
