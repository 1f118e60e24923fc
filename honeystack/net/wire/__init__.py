"""Bytes on the wire: decoders and encoders of every header, pure."""
