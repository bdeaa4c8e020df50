"""Words and numbers: files with rows, as the tensors that networks take."""
