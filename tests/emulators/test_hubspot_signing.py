"""The signer of HubSpot's emulator gives the values that HubSpot documents, and two of ours."""

import pytest

from crm_clients.emulators.hubspot import signing

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
AT = 1764000000000
URI = "https://www.example.com/webhook_uri"
BATCH = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,'
    b'"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)


def test_the_first_version_is_the_documented_one() -> None:
    expected = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    assert signing.first(SECRET, BATCH) == expected


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("GET", b"", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
        (
            "POST",
            b'{"example_field":"example_value"}',
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
        ),
    ],
)
def test_the_second_version_is_the_documented_one(method: str, body: bytes, expected: str) -> None:
    assert signing.second(SECRET, method, URI, body) == expected


@pytest.mark.parametrize(
    ("uri", "body", "expected"),
    [
        (f"{URI}?x=a:b", BATCH, "1PAEba4Ru2Kvs+VdGPhn+bogZ/qYnZh89QxNGBc+THE="),
        (f"{URI}?x=a%3Ab", BATCH, "1PAEba4Ru2Kvs+VdGPhn+bogZ/qYnZh89QxNGBc+THE="),
        (f"{URI}?x=a%3ab", BATCH, "1PAEba4Ru2Kvs+VdGPhn+bogZ/qYnZh89QxNGBc+THE="),
        (URI, '{"text":"Привет"}'.encode(), "LCGy6tF+NTR1xCL5m5JZZSnxQNxDbqB0sg7Y87Fow1Y="),
    ],
)
def test_the_third_version_signs_the_decoded_address(uri: str, body: bytes, expected: str) -> None:
    assert signing.third(SECRET, "POST", uri, body, AT) == expected


def test_only_the_listed_escapes_are_decoded() -> None:
    kept = "%20%26%3D%25%D0%9F%2B%23"
    assert signing.decoded(f"{URI}?a={kept}") == f"{URI}?a={kept}"
    assert signing.decoded("%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B") == ":/?@!$'()*,;"
