"""Listeners: where conversations come from. One file each; the file's name is the name in the config."""
