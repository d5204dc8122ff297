"""What every blob store must do. A test class derives from `BlobStoreContract` and gives it a `world`."""

from __future__ import annotations

from tests.contract.blob_bytes import OpenBytesContract
from tests.contract.blob_created import CreateBytesContract
from tests.contract.blob_download import DownloadContract
from tests.contract.blob_put import LookUpContract, PutContract
from tests.contract.blob_resume import ResumeContract


class BlobStoreContract(
    PutContract, LookUpContract, OpenBytesContract, CreateBytesContract, DownloadContract, ResumeContract
):
    """All of it."""
