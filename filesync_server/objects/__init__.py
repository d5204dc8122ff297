"""Where the bytes are: the port that the signer works on, an object store in a directory of this machine with
the data plane that serves it, and any S3-compatible service. It knows nothing of signer calls and of event
logs.
"""
