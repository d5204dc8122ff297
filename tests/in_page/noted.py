"""A schema of an app that notes its files: an event that is to come with each of them."""

from __future__ import annotations

import filesync_web as fs
from tests.in_page.client import FILES

NOTED = fs.event("v1.Noted", {"file_id": fs.text()})
NOTES = fs.table("notes", {"file_id": fs.text(primary_key=True)})
SCHEMA = fs.make_schema(
    tables={**FILES.tables, "notes": NOTES},
    events={**FILES.events, "noted": NOTED},
    materializers={
        **FILES.create_materializers(FILES.tables),
        "v1.Noted": lambda args, _context: NOTES.insert(**args),
    },
)


def noted(result: fs.FileOperationResult) -> list[fs.NewEvent]:
    """What the app commits with a file."""
    return [NOTED(file_id=result.file_id)]
