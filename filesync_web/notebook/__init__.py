"""A widget for notebooks: choose files, see how they are saved and uploaded, and what the store has.

    from filesync_web.notebook import FileSyncWidget

    picker = FileSyncWidget()
    picker

In Jupyter, JupyterLite and marimo. Needs the package `anywidget` (the extra `filesync-web[notebook]`), and is
imported when it is used only.
"""

from filesync_web.notebook.widget import FileSyncWidget

__all__ = ["FileSyncWidget"]
