"""A link: what the gateway must know of one connection to carry its calls."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from mappers.vocabulary import HttpCall
from mappers.vocabulary.adapters import Budget
from middleware.http.wire import Origin, Spelt, malformed, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One connection's way out.

    `bases` are addresses allowed explicitly, by scheme, host and port; they may be private and
    plain http. `proxy` may be private, too. Whoever builds the link answers for both: what a
    customer or a provider names must never get in here.
    Raises: `ValueError` for a base, a proxy or a budget that cannot be one.
    """

    connection: str
    budgets: tuple[Budget, ...] = ()
    bases: tuple[str, ...] = ()
    proxy: SecretStr | None = None
    _allowed: frozenset[Origin] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        allowed = frozenset(origin(base) for base in self.bases)
        object.__setattr__(self, "_allowed", allowed)
        for budget in self.budgets:
            if budget.rate_per_s <= 0 or budget.burst < 1:
                raise ValueError(f"the budget {budget.name} lets nothing through")
        if self.proxy is not None:
            _check_proxy(self.proxy.get_secret_value())

    def allows(self, spelt: Spelt) -> bool:
        return spelt.origin in self._allowed

    def buckets(self, call: HttpCall) -> tuple[tuple[Budget, str], ...]:
        """Return what the call draws on, the narrowest first.

        The narrowest is the likeliest to refuse, and then nothing was drawn on the wider ones.
        Raises: `ProviderError` for a budget that the connection does not have.
        """
        names = sorted(call.budgets, key=lambda name: ":" not in name)
        return tuple(self.bucket(name) for name in names)

    def bucket(self, name: str) -> tuple[Budget, str]:
        """Return a budget and the key of its bucket. Raises: `ProviderError` as above."""
        kind, _, part = name.partition(":")
        budget = next((known for known in self.budgets if known.name == kind), None)
        if budget is None:
            raise malformed(f"no budget is named {kind}")
        return budget, f"{budget.key}:{part}" if part else budget.key


def _check_proxy(address: str) -> None:
    # Said without the address: it may hold a password.
    try:
        parts = urlsplit(address)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ValueError("a proxy's address looks like http://host:port")
