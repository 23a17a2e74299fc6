"""Ways to get tokens, a file for each: what Authlib judges, with our rows; the tokens are the host's."""
