"""``kubectl top``, to the byte: commands, words, selectors and tables."""
