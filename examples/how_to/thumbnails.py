"""Show a picture small: a blur at once, then a thumbnail."""

import filesync_web as fs
from js import devicePixelRatio


# --8<-- [start:show]
async def show_picture(image, record, size):
    """Let an <img> of `size` CSS pixels show a file."""
    metadata = fs.get_file_metadata(record)
    image.alt = metadata.name
    if preview := fs.preview_data_url(metadata):
        image.src = preview
    url = await fs.thumbnail_url(record.id, size * devicePixelRatio)
    url = url or await fs.resolve_file_url(record.id)  # it has no thumbnail, or is not on this device yet
    if url:
        image.src = url


# --8<-- [end:show]
