"""The tokens that the provider gives, and what they say."""
