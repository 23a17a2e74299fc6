"""`POST matrix`: members of a Matrix room get a token for its conference."""
