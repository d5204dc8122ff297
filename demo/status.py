"""The sync status: one sentence, the switch, the progress of transfers, and the counts behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import wording
from offline import Opens, readiness
from parts import Parts
from pyscript import document, when, window
from transfers import TransferList

import filesync_web as fs

if TYPE_CHECKING:
    from adding import Adding
    from app import Snapshot


class StatusPanel:
    """The panel above the pictures. Everything in it is rendered from one snapshot.

    `act` is called with what is to be done about a file's transfer, `on_toggle` when the panel was
    unfolded or folded.
    """

    def __init__(self, root: Any, act: Callable[[str, str], None], on_toggle: Callable[[], None]) -> None:
        self._root = root
        self._parts = Parts(root)
        self._tone = ""
        self._listed: dict[str, list[str]] = {}
        self._transfers = TransferList(self._parts["transfers"], act)
        self._on_toggle = on_toggle
        self.is_open = False
        self.opens_offline = _opens_at_first()
        when("click", self._parts["toggle-details"])(self._toggle_details)

    def update(self, snapshot: Snapshot, adding: Adding) -> None:
        """Show the snapshot, and what is being added."""
        status, write = snapshot.status, self._parts.write
        message = wording.headline(snapshot, adding.saving, adding.found)
        write("headline", message.text)
        write("dot", f"dot {message.tone}", "className")
        if message.tone != self._tone:  # read out only what is news: the headline counts every picture
            self._tone = message.tone
            write("announcement", message.text)
        write("toggle-livestore-sync", "Enabled" if snapshot.sync_enabled else "Disabled")
        write("toggle-livestore-sync", str(snapshot.sync_enabled).lower(), "ariaPressed")
        write("switch", snapshot.local_only, "hidden")
        write("stop", not adding.is_long, "hidden")
        write("retry", not status.error_count, "hidden")
        self._tell_readiness(readiness(self.opens_offline, status))
        self._transfers.update(snapshot.transfers, online=snapshot.online)
        write("transfers-box", not snapshot.transfers, "hidden")
        left = status.error_count + status.uploading_count + status.downloading_count
        left += status.queued_upload_count + status.queued_download_count - len(snapshot.transfers)
        write("more-transfers", f"and {left:,} more" if snapshot.transfers and left > 0 else "")
        write("transfer-progress-section", not status.is_syncing, "hidden")
        write("sync-is-syncing", "Yes" if status.is_syncing else "No")
        write("sync-has-pending", "Yes" if status.has_pending else "No")
        write("sync-uploading-count", status.uploading_count)
        write("sync-downloading-count", status.downloading_count)
        write("sync-queued-upload-count", status.queued_upload_count)
        write("sync-queued-download-count", status.queued_download_count)
        write("sync-pending-upload-count", status.pending_upload_count)
        write("sync-pending-download-count", status.pending_download_count)
        write("sync-on-demand-count", status.on_demand_count)
        write("sync-error-count", status.error_count)
        self._list("uploading-files", snapshot.uploading)
        self._list("queued-uploads", snapshot.queued_uploads)

    def _tell_readiness(self, message: wording.Message) -> None:
        write = self._parts.write
        write("offline-text", message.text)
        write("offline", f"line {message.tone}", "className")
        write("ready", message.tone != "good", "hidden")

    def progress(self, transfers: Mapping[str, fs.ActiveTransfer]) -> None:
        """Show the progress of the transfers that this tab runs; another tab may run them instead."""
        self._transfers.progress({file_id: transfer.percent for file_id, transfer in transfers.items()})
        total, write = fs.compute_total_progress(transfers), self._parts.write
        if total.percent is None:
            write("transfer-track", "track unknown", "className")
            write("transfer-track", None, "ariaValueNow")
            write("transfer-text", "")
            return
        write("transfer-track", "track", "className")
        write("transfer-track", f"{total.percent:.0f}", "ariaValueNow")
        write("transfer-bar", f"{total.percent:.0f}%", "style.width")
        write("transfer-text", f"{wording.size(total.total_loaded)} of {wording.size(total.total_size)}")

    def _list(self, name: str, ids: list[str]) -> None:
        if self._listed.get(name) != ids:
            self._listed[name] = ids
            self._parts[name].hidden = not ids
            items = [document.createElement("li") for _ in ids]
            for item, file_id in zip(items, ids, strict=True):
                item.textContent = file_id
            self._parts[name].querySelector("ul").replaceChildren(*items)

    def _toggle_details(self, _event: Any) -> None:
        self.is_open = bool(self._root.classList.toggle("open"))
        self._parts["details"].ariaHidden = str(not self.is_open).lower()
        self._parts["toggle-details"].ariaExpanded = str(self.is_open).lower()
        self._on_toggle()


def _opens_at_first() -> Opens:
    """A page that came from its service worker opens offline; of any other it is not known yet."""
    workers = getattr(window.navigator, "serviceWorker", None)
    return Opens.YES if workers and workers.controller else Opens.NOT_YET
