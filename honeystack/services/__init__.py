"""Services: what a conversation is answered by. One file each; the file's name is the name in the config."""
