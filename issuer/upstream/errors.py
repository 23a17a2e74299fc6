"""What can go wrong with a call. No message holds a path or a query, where tokens are."""

from issuer.errors import GatewayError, TooManyRequestsError


class UpstreamError(GatewayError):
    """Another server could not be asked, or gave no usable answer."""

    code = "upstream_failed"
    status = 502


class RefusedError(UpstreamError):
    """The guard refused the address."""

    code = "upstream_refused"


class UnreachableError(UpstreamError):
    """The name does not resolve, the connection or TLS failed, or the time was up."""

    code = "upstream_unreachable"


class BadAnswerError(UpstreamError):
    """The answer is too long, no JSON, or leads from redirect to redirect."""

    code = "upstream_bad_answer"


class TooManyCallsError(UpstreamError):
    """Too many calls to this destination are in flight; the answer carries `Retry-After`."""

    code = "too_many_requests"
    status = 429
    description = TooManyRequestsError.description
    remedy = TooManyRequestsError.remedy

    def __init__(self, log: str, retry_after: int = 1) -> None:
        """Ask the client to wait `retry_after` seconds."""
        super().__init__(log, {"Retry-After": str(retry_after)})
        self.retry_after = retry_after
