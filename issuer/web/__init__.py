"""What every page has in common: the application, cookies, headers, addresses, language."""
