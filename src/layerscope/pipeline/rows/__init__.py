"""A look at a network of words or numbers: which measures, in which order, into which record."""
