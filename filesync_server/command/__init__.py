"""The `filesync-server` command: settings, the application made of them, its processes, logs and
administration. It uses every other room, and none of them knows it.
"""
