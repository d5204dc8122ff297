"""What the leading tab does: it runs the engine, its jobs, the probe of the signer, and background uploads."""
