"""Show how far all transfers are, together."""

import filesync_web as fs


# --8<-- [start:words]
def state_of(record):
    """What to show beside a file, from its record."""
    return "uploaded" if record.is_uploaded else "saved on this device"


# --8<-- [end:words]


# --8<-- [start:progress]
def follow_transfers(show):
    """Call `show` with each new total of what is under way; returns a function that ends it."""
    transfers = {}

    def happened(event):
        nonlocal transfers
        kind, _, what = event.type.partition(":")
        if what == "progress":
            progress = fs.create_active_transfer_progress(event.file_id, kind, event.loaded, event.total)
            transfers = fs.update_active_transfers(transfers, progress)
        elif what in {"complete", "error"}:
            transfers = fs.remove_active_transfer(transfers, event.file_id)
        else:
            return
        show(fs.compute_total_progress(transfers))

    return fs.on_file_sync_event(happened)


# --8<-- [end:progress]


# --8<-- [start:bar]
def show_in(bar, text):
    """A function for `follow_transfers` that keeps a <progress> and a line of text."""

    def show(total):
        bar.hidden = not total.count
        bar.max = total.total_size or 1
        bar.value = total.total_loaded
        text.textContent = f"{total.count} files, {total.percent or 0:.0f} %" if total.count else "all done"

    return show


# --8<-- [end:bar]
