"""Tests of trademon/flows."""
