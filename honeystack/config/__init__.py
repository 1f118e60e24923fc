"""Configuration: one TOML file to a complete, legal description of a honeypot, or every error at once."""
