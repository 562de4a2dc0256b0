"""The built-in pair: rules fitted to terms, told as problems, read back and turned into programs. No model."""
