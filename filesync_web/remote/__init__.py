"""The object store behind a signer: sign, upload (whole or in parts), download, delete. Knows no store of
events."""
