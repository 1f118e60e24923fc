"""Channels: where events go. One file each; the file's name is the name in the config."""
