"""The object store of one machine."""

from .store import EmbeddedStore

__all__ = ["EmbeddedStore"]
