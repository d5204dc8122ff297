"""A folder that is kept in step with a store, both ways; on CPython, for the command `filesync mirror`."""
