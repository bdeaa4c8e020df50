"""What a look at a network of words or numbers writes."""
