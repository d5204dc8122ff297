"""The object store of one machine: blobs in a directory with an index, uploads in parts, temporary files,
signed URLs. `objects.data_plane` serves it over HTTP.
"""

from .store import EmbeddedStore

__all__ = ["EmbeddedStore"]
