"""The server's parts in applications of three frameworks."""
