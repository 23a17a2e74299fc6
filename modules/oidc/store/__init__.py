"""What the module keeps: one small repository for each table."""
