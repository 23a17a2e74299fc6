"""Calls that several tests make."""

from issuer.upstream import Answer, Call, Party, Upstream
from tests.upstream.stub import Reply


def follow(upstream: Upstream, url: str, named_by: Party, insecure: bool = False) -> Answer:
    return upstream.call(upstream.fetch(Call(url, named_by, follow=True, insecure=insecure)), 10)


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, b"", {"Location": location})
