"""Adapters for CPython processes."""
