"""What the leading tab does: it runs the engine and its jobs, the probe of the signer, background uploads."""
