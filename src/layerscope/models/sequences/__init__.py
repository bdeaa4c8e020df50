"""Networks of words and numbers, and the specs that build them again."""
