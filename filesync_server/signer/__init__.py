"""The signer: hands out short-lived URLs of an object store to callers that it has authenticated. It knows
object stores by their port only, and nothing of event logs.
"""

from .app import RateLimit, create_signer

__all__ = ["RateLimit", "create_signer"]
