"""Rate limits of the interfaces: per client address and per API key, in bounded memory.

Who uses it: REST (every request) and the WebSocket (connections, actions). A bucket of rate r and
burst b is one integer, the *theoretical arrival time* t (GCRA): with interval T = 10⁹ / r ns, a
request at now is refused when max(t, now) − now > (b − 1) × T, else t = max(t, now) + T. A bucket
whose t has passed is as good as a new one, so forgetting it changes nothing.

Invariants: at most ``capacity`` buckets; the least recently used one gives way. Time comes from the
caller's clock, which must not go backwards (monotonic).
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from aiohttp import web

from exchange.api.errors import ApiError, ErrorCode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NANOSECONDS = 1_000_000_000
IPV6_PREFIX_BITS = 64  # one customer's network: its addresses share a bucket
FORWARDED_HOPS = 16  # of X-Forwarded-For; more are not looked at


class TokenBuckets:
    """Buckets by name, all with the same rate (per second; 0: no limit) and burst."""

    def __init__(self, rate: int, burst: int, capacity: int) -> None:
        assert rate >= 0 and burst >= 1 and capacity >= 1
        self._capacity = capacity
        self.change(rate, burst)
        self._arrival_ns: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._arrival_ns)

    def change(self, rate: int, burst: int) -> None:
        """Count with another rate and burst from now on."""
        self._interval_ns = NANOSECONDS // rate if rate else 0
        self._slack_ns = (burst - 1) * self._interval_ns

    @property
    def burst(self) -> int:
        """How many tokens a full bucket has; 0: there is no limit."""
        return self._slack_ns // self._interval_ns + 1 if self._interval_ns else 0

    def left(self, name: str, now_ns: int) -> int:
        """How many tokens the bucket has."""
        if not self._interval_ns:
            return 0
        early_ns = max(self._arrival_ns.get(name, 0), now_ns) - now_ns
        return max(0, (self._slack_ns - early_ns) // self._interval_ns + 1)

    def full_in_ns(self, name: str, now_ns: int) -> int:
        """In how many nanoseconds the bucket is full, if nothing is taken."""
        return max(0, self._arrival_ns.get(name, 0) - now_ns) if self._interval_ns else 0

    def take(self, name: str, now_ns: int, tokens: int = 1) -> int:
        """Take ``tokens``. Returns 0, or in how many nanoseconds there will be as many.

        More than the bucket holds are taken when it is full.
        """
        if not self._interval_ns or tokens <= 0:
            return 0
        tokens = min(tokens, self.burst)
        arrivals = self._arrival_ns
        arrival_ns = max(arrivals.get(name, 0), now_ns)
        wait_ns = arrival_ns + (tokens - 1) * self._interval_ns - now_ns - self._slack_ns
        if wait_ns > 0:
            return wait_ns
        arrivals[name] = arrival_ns + tokens * self._interval_ns
        arrivals.move_to_end(name)
        if len(arrivals) > self._capacity:
            arrivals.popitem(last=False)
        return 0


def too_many(wait_ns: int, whose: str) -> ApiError:
    """RATE_LIMITED: ``whose`` limit has been reached, for ``wait_ns`` more nanoseconds."""
    seconds = -(-wait_ns // NANOSECONDS)  # rounded up: at least 1
    return ApiError(
        ErrorCode.RATE_LIMITED,
        f"too many requests from this {whose}: try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


class RateLimits:
    """The buckets that a request must pass: its address's, later its key's.

    ``trusted_proxies``: networks whose X-Forwarded-For is believed; without them the address is
    the connection's, whatever the headers contain.
    """

    def __init__(
        self,
        *,
        per_address: int,
        per_key: int,
        burst: int,
        address_capacity: int = 65_536,
        key_capacity: int = 65_536,
        trusted_proxies: Sequence[str] = (),
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._addresses = TokenBuckets(per_address, burst, address_capacity)
        self._keys = TokenBuckets(per_key, burst, key_capacity)
        self._trusted: list[Network] = [ipaddress.ip_network(text) for text in trusted_proxies]
        self._clock_ns = clock_ns

    def change(
        self, *, per_address: int, per_key: int, burst: int, trusted_proxies: Sequence[str]
    ) -> None:
        """Other rates and proxies from now on; what was counted stays counted."""
        self._addresses.change(per_address, burst)
        self._keys.change(per_key, burst)
        self._trusted = [ipaddress.ip_network(text) for text in trusted_proxies]

    def take_address(self, request: web.BaseRequest) -> None:
        """Count a request of the client's address. Raises ApiError RATE_LIMITED."""
        self.count_address(self.client_address(request))

    def count_address(self, address: str, weight: int = 1) -> None:
        """Count a request of ``address`` as ``weight``. Raises ApiError RATE_LIMITED."""
        name = bucket_name(address)
        self._check(self._addresses.take(name, self._clock_ns(), weight), "address")

    def take_key(self, key_id: str, weight: int = 1) -> None:
        """Count a request of a key that has proved itself. Raises ApiError RATE_LIMITED."""
        self._check(self._keys.take(key_id, self._clock_ns(), weight), "API key")

    def take_weight(
        self, request: web.BaseRequest, key_id: str | None, weight: int
    ) -> dict[str, str]:
        """Count a request as ``weight``, of which 1 has been taken; headers with what is left.

        ``key_id``: of a signed request, whose key counts; None: its address. Raises ApiError.
        """
        buckets, name = self._keys, key_id
        if name is None:
            buckets, name = self._addresses, bucket_name(self.client_address(request))
        now_ns = self._clock_ns()
        whose = "address" if key_id is None else "API key"
        self._check(buckets.take(name, now_ns, weight - 1), whose)
        return {
            "X-RateLimit-Weight": str(weight),
            "X-RateLimit-Limit": str(buckets.burst),
            "X-RateLimit-Remaining": str(buckets.left(name, now_ns)),
            # rounded up
            "X-RateLimit-Reset": str(-(-buckets.full_in_ns(name, now_ns) // NANOSECONDS)),
        }

    @staticmethod
    def _check(wait_ns: int, whose: str) -> None:
        if wait_ns:
            raise too_many(wait_ns, whose)

    def client_address(self, request: web.BaseRequest) -> str:
        """The client's address: the connection's, or the one that trusted proxies report.

        The last entry of X-Forwarded-For that is not a trusted proxy counts: the client itself may
        have written everything before it.
        """
        address = request.remote or ""
        if not self._trusted or not self._is_trusted(address):
            return address
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        for hop in reversed(hops[-FORWARDED_HOPS:]):
            hop = hop.strip()
            try:
                ipaddress.ip_address(hop)
            except ValueError:
                break  # nothing before this can be believed
            address = hop
            if not self._is_trusted(hop):
                break
        return address

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def bucket_name(address: str) -> str:
    """The name under which an address is counted: IPv4 itself, of IPv6 the /64 network."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.split("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX_BITS), strict=False))
