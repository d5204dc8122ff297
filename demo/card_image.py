"""The image on a card: made when there is something to show, and let go of when there is not."""

from __future__ import annotations

from typing import Any

import wording
from kinds import is_drawing
from pyscript import document

import filesync_web as fs

MAX_ASPECT = 3
"""A picture with sides this many times apart is shown whole: cropping would hide most of it."""
MIN_CROPPED_WIDTH = 64
"""So is one with fewer pixels across: enlarging would only blur it."""


class CardImage:
    """What is in the element `frame` of a card."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._image: Any = None

    def show(self, url: str, metadata: fs.FileMetadata) -> None:
        """Show a picture."""
        if self._image is None:
            self._image = document.createElement("img")
            self._image.decoding, self._image.loading, self._image.draggable = "async", "lazy", False
            self._image.dataset.testid = "file-image"
            self._frame.append(self._image)
        self._image.alt = wording.clipped(metadata.name or "Picture")
        self._image.classList.toggle("drawing", is_drawing(metadata))
        if metadata.width and metadata.height:
            self._image.width, self._image.height = metadata.width, metadata.height
        self._image.src = url

    def drop(self) -> None:
        """Let go of the image, so that the browser need not keep what it has decoded."""
        if self._image is not None:
            self._image.removeAttribute("src")
            self._image.remove()
            self._image = None

    def settle(self) -> bool:
        """Choose how the image fills its frame, now that its size is known; whether there is one."""
        if self._image is None:
            return False
        width, height = self._image.naturalWidth, self._image.naturalHeight
        is_long = max(width, height) > MAX_ASPECT * min(width, height)
        self._image.classList.toggle("whole", is_long or width < MIN_CROPPED_WIDTH)
        return True
