"""What each word does for a prediction, by several methods, each held against removing words."""
