"""The demo for other devices in the network: https, a certificate and a token, all for one run."""
