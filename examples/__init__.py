"""Whole applications that use the kit, each run by a test."""
