"""What goes wrong at a named moment, for tests of what is promised then."""
