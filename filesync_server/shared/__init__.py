"""What the server's parts share and none of them owns: the outer shape of an HTTP part, who may touch which
keys, and a SQLite file used by threads. It knows none of the other rooms, and each of them may use it.
"""
