"""Token buckets against a naive twin, their bound in memory, and whose address counts."""

import random
from fractions import Fraction

import pytest
from aiohttp.test_utils import make_mocked_request

from exchange.api.access.rate_limit import RateLimits, TokenBuckets, bucket_name
from exchange.api.errors import ApiError, ErrorCode

SECOND = 1_000_000_000


class NaiveBucket:
    """A bucket that counts tokens exactly."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = Fraction(burst), 0

    def take(self, now_ns: int) -> bool:
        grown = Fraction(now_ns - self.at, SECOND) * self.rate
        self.tokens, self.at = min(Fraction(self.burst), self.tokens + grown), now_ns
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@pytest.mark.parametrize("seed", range(20))
def test_as_a_naive_bucket(seed):
    choose = random.Random(seed)
    rate, burst = choose.choice([(1, 1), (100, 200), (8, 3), (1000, 1)])
    buckets, naive = TokenBuckets(rate, burst, 10), NaiveBucket(rate, burst)
    now = choose.randrange(1 << 60)
    naive.at = now
    for _ in range(2000):
        now += choose.choice([0, 1, SECOND // rate, choose.randrange(2 * SECOND // rate)])
        wait = buckets.take("a", now)
        assert (wait == 0) == naive.take(now)
        if wait:
            assert buckets.take("a", now + wait - 1) > 0
            now += wait
            assert buckets.take("a", now) == 0
            assert naive.take(now)


def test_no_rate_is_no_limit_and_no_memory():
    buckets = TokenBuckets(0, 1, 10)
    assert all(buckets.take("a", 0) == 0 for _ in range(1000))
    assert len(buckets) == 0


def test_memory_is_bounded_and_the_busy_are_remembered():
    buckets = TokenBuckets(1, 2, 100)
    buckets.take("busy", 0)
    for number in range(10_000):
        buckets.take(str(number), 0)
        if number % 50 == 0:
            buckets.take("busy", 0)
    assert len(buckets) == 100
    # a refusal does not refresh an entry for ever, but this one took its second token lately
    assert buckets.take("9999", 0) == 0 and buckets.take("9999", 0) > 0


def test_retry_after_is_whole_seconds():
    now = 0
    limits = RateLimits(per_address=1, per_key=1, burst=1, clock_ns=lambda: now)
    limits.take_key("k")
    now = SECOND // 2
    with pytest.raises(ApiError) as raised:
        limits.take_key("k")
    assert raised.value.code == ErrorCode.RATE_LIMITED
    assert raised.value.headers["Retry-After"] == "1"
    now = SECOND
    limits.take_key("k")


def _request(remote: str, *forwarded: str):
    class Transport:
        def get_extra_info(self, name, default=None):
            return (remote, 5) if name == "peername" else default

    headers = [("X-Forwarded-For", text) for text in forwarded]
    from multidict import CIMultiDict

    return make_mocked_request("GET", "/", headers=CIMultiDict(headers), transport=Transport())


def test_forwarded_addresses_count_only_from_trusted_proxies():
    def address(trusted, remote, *forwarded):
        limits = RateLimits(per_address=1, per_key=1, burst=1, trusted_proxies=trusted)
        return limits.client_address(_request(remote, *forwarded))

    proxies = ["10.0.0.0/8", "fd00::/8"]
    assert address([], "9.9.9.9", "1.2.3.4") == "9.9.9.9"
    assert address(proxies, "9.9.9.9", "1.2.3.4") == "9.9.9.9"
    assert address(proxies, "10.0.0.1") == "10.0.0.1"
    assert address(proxies, "10.0.0.1", "1.2.3.4") == "1.2.3.4"
    # what stands before the last untrusted hop was written by the client
    assert address(proxies, "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2") == "1.2.3.4"
    assert address(proxies, "10.0.0.1", "6.6.6.6", "1.2.3.4") == "1.2.3.4"
    assert address(proxies, "fd00::1", "2001:db8::1") == "2001:db8::1"
    assert address(proxies, "10.0.0.1", "6.6.6.6, nonsense") == "10.0.0.1"
    assert address(proxies, "10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2") == "10.0.0.2"


def test_an_ipv6_network_shares_a_bucket():
    assert bucket_name("1.2.3.4") == "1.2.3.4"
    assert bucket_name("2001:db8::1") == bucket_name("2001:db8::ffff:1") == "2001:db8::/64"
    assert bucket_name("2001:db8:0:1::1") != bucket_name("2001:db8::1")
    assert bucket_name("::ffff:1.2.3.4") == "1.2.3.4"
    assert bucket_name("fe80::1%eth0") == "fe80::/64"
    assert bucket_name("not:an:address") == "not:an:address"


def test_several_tokens_at_once():
    buckets = TokenBuckets(10, 20, 10)
    assert buckets.burst == 20 and buckets.left("a", 0) == 20
    assert buckets.take("a", 0, 15) == 0
    assert buckets.left("a", 0) == 5
    assert buckets.full_in_ns("b", 0) == 0
    assert buckets.left("a", buckets.full_in_ns("a", 0)) == 20
    assert buckets.left("a", buckets.full_in_ns("a", 0) - 1) == 19
    assert buckets.take("a", 0, 6) == SECOND // 10
    assert buckets.take("a", SECOND // 10, 6) == 0
    assert buckets.left("a", SECOND // 10) == 0
    assert buckets.take("b", 0, 1000) == 0, "more than a bucket holds are taken when it is full"
    assert buckets.take("b", 0, 0) == 0


def test_the_headers_of_a_weighed_request():
    limits = RateLimits(per_address=10, per_key=5, burst=20, clock_ns=lambda: 0)
    request = make_mocked_request("GET", "/")
    limits.take_address(request)
    assert limits.take_weight(request, None, 5) == {
        "X-RateLimit-Weight": "5",
        "X-RateLimit-Limit": "20",
        "X-RateLimit-Remaining": "15",
        "X-RateLimit-Reset": "1",  # 0.5 s, rounded up
    }
    with pytest.raises(ApiError):
        limits.take_weight(request, None, 18)
    assert limits.take_weight(request, "key", 2)["X-RateLimit-Remaining"] == "19"
