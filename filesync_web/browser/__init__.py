"""The adapters for the browser: the only package that imports `js` and `pyodide`.

It works on a bare Pyodide page, with PyScript on the main thread, and in a PyScript worker. Where something
needs a window, the function says so.
"""
