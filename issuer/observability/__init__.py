"""What operators see: the security log, the log, metrics, health."""
