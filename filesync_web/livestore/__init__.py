"""An event-sourced store, compatible on the wire with LiveStore: events in, reactive SQLite out.

Runs under CPython 3.11+ and Pyodide, standard library only. Nothing here does I/O by itself: the event log,
the channel between tabs, the leader lock and the socket are ports (`ports`), implemented in
`filesync_web.browser`, `filesync_web.native` and, for tests, `filesync_web.testing`.

Vocabulary
    event         a fact with arguments; *synced* (all clients) or *client-only* (this device)
    confirmed     an event that the backend has put in its place; its sequence number is final
    pending       a synced event of this device that is not confirmed yet
    rebase        putting the pending events behind confirmed ones that came in between
    base, tail    the state that the confirmed and client-only events make; the pending events on top of it
    leader        the one tab that runs metadata sync for all tabs of the device
"""
