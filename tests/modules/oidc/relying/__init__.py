"""Independent clients (relying parties), against a provider in processes of its own."""
