"""Training networks of words and numbers: what stands before and behind the one loop."""
