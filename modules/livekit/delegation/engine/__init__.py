"""What a job does next: the state machine and what drives it."""
