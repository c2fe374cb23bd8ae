"""The ways out: a pinned address keeps its name, and a proxy gets no more than it should."""

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from middleware.http import codes
from middleware.http.dialling import tcp
from middleware.http.gateway import Port, without_lease
from middleware.http.guard import Guard
from middleware.http.link import Link
from tests.integration.loopback import (
    OK,
    SOON,
    TOKEN,
    HastyClock,
    House,
    Server,
    a_house,
    call,
    failure_of,
    hang,
    hang_up,
    resolved_to,
    says,
    sends,
    serving,
)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as built:
        yield built


class Detour:
    """Leads every connection to one port of loopback, and remembers where it was meant to go."""

    def __init__(self, base: str) -> None:
        self.port = int(base.rpartition(":")[2])
        self.meant: list[str] = []

    async def __call__(self, address: str, port: int) -> socket.socket:
        self.meant.append(f"{address}:{port}")
        return await tcp("127.0.0.1", self.port)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts for a server that is `name` and for a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + signed.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_the_guard_pins_the_address_and_keeps_the_name(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "portal.example")
    async with serving(sends(OK), tls=theirs) as server:
        detour = Detour(server.base)
        guard = Guard(HastyClock(), resolved_to("8.8.8.8"), detour)
        async with a_house(guard, tls=ours) as house:
            port = house.gateway.port(Link(connection="c-1"), may_start=without_lease)
            await port.send(call("https://portal.example"))
            failure = await failure_of(port.send(call("https://other.example")))
    assert detour.meant == ["8.8.8.8:443", "8.8.8.8:443"]
    assert server.seen[0].headers["host"] == "portal.example"
    assert failure == ("transient", "net.ConnectError")  # the certificate is not other's


def by_proxy(house: House, server: Server, *bases: str) -> Port:
    proxy = SecretStr(server.base.replace("http://", f"http://us:{TOKEN.replace(':', '')}@"))
    link = Link(connection="c-1", proxy=proxy, bases=bases)
    assert TOKEN.replace(":", "") not in repr(link)
    return house.gateway.port(link, may_start=without_lease)


async def test_a_proxy_is_asked_for_a_tunnel(house: House) -> None:
    async with serving(says(407)) as server:
        failure = await failure_of(by_proxy(house, server).send(call("https://portal.example")))
    assert failure == ("transient", "net.ProxyError")
    assert server.seen[0].line == "CONNECT portal.example:443 HTTP/1.1"
    assert server.seen[0].headers["proxy-authorization"].startswith("basic ")


async def test_a_proxy_that_says_nothing_leaves_no_doubt(house: House) -> None:
    async with serving(hang) as server:
        sending = by_proxy(house, server).send(call("https://portal.example", timeout=SOON))
        assert await failure_of(sending) == ("transient", codes.DEADLINE)
    assert [noted.begun for noted in house.noted] == [False]


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "localhost", "[::1]", "10.0.0.1"])
async def test_a_proxy_is_not_asked_for_private_addresses(house: House, host: str) -> None:
    async with serving(sends(OK)) as server:
        failure = await failure_of(by_proxy(house, server).send(call(f"https://{host}")))
    assert failure == ("permanent", codes.ADDRESS_REFUSED)
    assert not server.sockets


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "127.0.0.1:9", "http://", "http://a:b"])
def test_a_link_refuses_a_proxy_that_cannot_be_one(proxy: str) -> None:
    with pytest.raises(ValueError, match="proxy"):
        Link(connection="c-1", proxy=SecretStr(proxy))


async def test_failed_tunnels_do_not_clog_the_pool() -> None:
    opened = sends(b"HTTP/1.1 200 OK\r\n\r\n", then=hang_up)
    async with serving(opened) as server, a_house(sockets=2) as house:
        for _ in range(5):
            sending = by_proxy(house, server).send(call("https://portal.example"))
            assert await failure_of(sending) == ("transient", "net.ConnectError")
    assert server.sockets == 5


async def test_a_call_allowed_in_the_clear_goes_through_the_proxy_as_it_is(house: House) -> None:
    async with serving(sends(OK)) as server:
        port = by_proxy(house, server, "http://emulator.test:81")
        assert (await port.send(call("http://emulator.test:81"))).status == 200
    assert server.seen[0].line.startswith("POST http://emulator.test:81/")
