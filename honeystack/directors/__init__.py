"""Directors: which real system a high-interaction conversation reaches. One file each; name as in the config."""
