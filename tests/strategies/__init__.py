"""Tests of what a strategy is written with, what runs it, and what it may do."""
