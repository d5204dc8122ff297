"""What a site's Pyodide has of ours; nothing here runs on the host but in tests."""
