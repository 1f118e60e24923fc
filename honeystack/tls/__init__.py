"""TLS found on any port: hello, fingerprints, handshake, per-connection configuration."""
