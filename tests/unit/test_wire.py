"""Silence is explained by how far the request got, and every code has its sentence."""

from collections.abc import Iterator

import httpx
import pytest

from middleware.http import codes
from middleware.http.wire import Deadline, ResponseTooLarge, why_no_reply


@pytest.mark.parametrize(
    ("error", "unbegun", "begun", "repeatable"),
    [
        (httpx.ConnectError(""), "transient", "ambiguous", "transient"),
        (httpx.ConnectTimeout(""), "transient", "ambiguous", "transient"),
        (httpx.PoolTimeout(""), "transient", "ambiguous", "transient"),
        (httpx.ProxyError(""), "transient", "ambiguous", "transient"),
        (httpx.ReadError(""), "transient", "ambiguous", "transient"),
        (httpx.ReadTimeout(""), "transient", "ambiguous", "transient"),
        (httpx.WriteError(""), "transient", "ambiguous", "transient"),
        (httpx.WriteTimeout(""), "transient", "ambiguous", "transient"),
        (httpx.CloseError(""), "transient", "ambiguous", "transient"),
        (httpx.RemoteProtocolError(""), "transient", "ambiguous", "transient"),
        (httpx.DecodingError(""), "transient", "ambiguous", "transient"),
        (httpx.LocalProtocolError(""), "permanent", "permanent", "permanent"),
        (httpx.UnsupportedProtocol(""), "permanent", "permanent", "permanent"),
        (Deadline(), "transient", "ambiguous", "transient"),
        (ResponseTooLarge(), "ambiguous", "ambiguous", "permanent"),
    ],
)
def test_why_there_is_no_reply(error: Exception, unbegun: str, begun: str, repeatable: str) -> None:
    failures = [
        why_no_reply(error, begun=False, repeatable=False),
        why_no_reply(error, begun=True, repeatable=False),
        why_no_reply(error, begun=True, repeatable=True),
    ]
    assert [failure.kind for failure in failures] == [unbegun, begun, repeatable]
    assert {failure.code for failure in failures} <= codes.SENTENCES.keys()


def test_every_failure_of_the_network_has_a_sentence() -> None:
    def leaves(kind: type[Exception]) -> Iterator[str]:
        for known in kind.__subclasses__():
            yield from leaves(known) if known.__subclasses__() else [f"net.{known.__name__}"]

    assert set(leaves(httpx.TransportError)) <= codes.SENTENCES.keys()
