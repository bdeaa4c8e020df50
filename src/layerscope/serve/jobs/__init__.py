"""Jobs of the server: what may be asked for, its files, and the queue."""
