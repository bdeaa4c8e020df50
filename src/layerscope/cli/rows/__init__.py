"""The commands' words for runs on words and numbers."""
