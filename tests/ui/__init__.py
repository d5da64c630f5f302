"""Tests of trademon.ui."""
