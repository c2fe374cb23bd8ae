"""Failure codes that the gateway gives, one sentence each; the docs are printed from `SENTENCES`.

`hub.…` means that we decided; `net.…` that the network did. Whether a `net.…` code is a harmless
failure or a doubt depends on how far the call got, so the same code may come as either.
"""

from collections.abc import Mapping
from types import MappingProxyType

ADDRESS_REFUSED = "hub.address_refused"
BUDGET = "hub.budget"
CALL_MALFORMED = "hub.call_malformed"
LEASE_SHORT = "hub.lease_short"

CANCELLED = "net.Cancelled"
DEADLINE = "net.Deadline"
RESPONSE_TOO_LARGE = "net.ResponseTooLarge"

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        ADDRESS_REFUSED: "The address is private, or not https, and nobody allowed it explicitly.",
        BUDGET: "The provider's limit is used up for now; the unsent call waits its turn.",
        CALL_MALFORMED: "The adapter described a call that cannot be put on the wire.",
        LEASE_SHORT: "The worker's lease could have ended before the call; another one makes it.",
        CANCELLED: "The call was given up from inside, as when a worker stops.",
        DEADLINE: "The whole call did not end within its time.",
        RESPONSE_TOO_LARGE: "The answer was larger than we are willing to hold.",
        "net.ConnectError": "No connection could be made: name, network, refusal or certificate.",
        "net.ConnectTimeout": "No connection was made in time.",
        "net.PoolTimeout": "All of our sockets were busy.",
        "net.ProxyError": "The connection's proxy did not let us through.",
        "net.ReadError": "The connection broke while we waited for the answer.",
        "net.ReadTimeout": "The connection fell silent while we waited for the answer.",
        "net.WriteError": "The connection broke while the request was being sent.",
        "net.WriteTimeout": "The provider stopped reading while the request was being sent.",
        "net.CloseError": "The connection broke while it was being closed.",
        "net.RemoteProtocolError": "What came back was not HTTP, or ended before it was complete.",
        "net.LocalProtocolError": "HTTP does not allow the request that the adapter described.",
        "net.UnsupportedProtocol": "The address is of a kind that we do not speak.",
        "net.DecodingError": "The answer's compression was broken, or is one we did not ask for.",
    }
)
