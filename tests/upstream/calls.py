"""Calls that several tests make."""

from issuer.upstream import Party, Upstream, UpstreamCall, UpstreamResponse
from tests.upstream.stub import Reply


def follow(upstream: Upstream, url: str, named_by: Party, insecure: bool = False) -> UpstreamResponse:
    return upstream.call(upstream.fetch(UpstreamCall(url, named_by, follow=True, insecure=insecure)), 10)


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, b"", {"Location": location})
