"""One small repository for each kind of row."""
