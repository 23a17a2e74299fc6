"""What can go wrong with a sign-in at a provider. Nothing that it said is shown or logged as it came."""

from flask_babel import lazy_gettext as _

from issuer.errors import BadRequestError, ForbiddenError, GatewayError, UnavailableError


class ProviderDownError(UnavailableError):
    """The provider cannot be reached, or answers that it cannot now."""

    code = "provider_unavailable"
    description = _("The service where you sign in does not answer.")
    remedy = _("Please try again in a moment, or choose another way to sign in.")


class ProviderAnswerError(GatewayError):
    """The provider answered what cannot be trusted or understood; the log says which check failed."""

    code = "provider_answer"
    status = 502
    description = _("The service where you sign in gave an answer that is not accepted here.")
    remedy = _("Please sign in again. If this happens again, tell the people who run this service.")


class ProviderRefusedError(ForbiddenError):
    """The provider signs this person in for us not at all, or the person did not want it."""

    code = "provider_refused"
    description = _("You were not signed in.")
    remedy = _("Please sign in again, or choose another way to sign in.")


class NotBegunError(BadRequestError):
    """A browser came back that was not sent: from somebody else's sign-in, twice, or after too long."""

    code = "sign_in_not_begun"
    description = _("This sign-in was not begun in this browser, or took too long.")
    remedy = _("Please begin again from the home page.")
