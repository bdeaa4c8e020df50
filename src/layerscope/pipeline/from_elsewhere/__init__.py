"""Networks that were trained elsewhere: the pictures and values that they take."""
