"""What `issuer doctor` says of a gateway."""

from issuer.check import CheckError
from tests.gateway import LocalGateway


def diagnosis(gateway: LocalGateway) -> dict[str, str]:
    """Return what is wrong by the name of each check, "" where nothing is."""
    found = {}
    for check in gateway.parts.doctor():
        try:
            check.run()
            found[check.name] = ""
        except CheckError as error:
            found[check.name] = str(error)
    return found
