"""What people read when an application sends them here with a request that cannot be."""

from flask_babel import lazy_gettext as _

from issuer.errors import BadRequestError


class UnknownClientError(BadRequestError):
    """No such client."""

    code = "unknown_client"
    description = _("This application is not known here.")
    remedy = _("Go back to the application. If it happens again, tell the people who run it.")


class WrongRedirectError(BadRequestError):
    """The redirect URI is not one of the client's."""

    code = "wrong_redirect_uri"
    description = _("This application wants you to be sent to an address that is not its own.")
    remedy = _("Go back to the application. If it happens again, tell the people who run it.")


class BadAuthorizationError(BadRequestError):
    """The parameters cannot be read."""

    description = _("The application's request cannot be understood.")
    remedy = _("Go back to the application. If it happens again, tell the people who run it.")
