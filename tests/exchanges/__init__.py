"""Tests of trademon/exchanges."""
