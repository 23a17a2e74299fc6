"""What every test has."""

from hypothesis import settings

settings.register_profile("issuer", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("issuer")
