"""Signatures: accepted as documented, refused in every other case, in bounded memory."""

import datetime
import hashlib
import hmac

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from exchange.access import signature
from exchange.access.keys import FILE, READ, TRADE, KeyFile, KeyStore
from exchange.api.access.auth import Authenticator, Credentials, require
from exchange.api.access.nonces import NonceFile
from exchange.api.access.rate_limit import RateLimits
from exchange.api.errors import ApiError, ErrorCode

NOW_NS = 1_795_000_000_123_000_000
NOW_MS = NOW_NS // 1_000_000


class World:
    """A key store with two keys and an authenticator whose clock stands still."""

    def __init__(self, directory, rate=0, burst=1):
        created = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        self.file = KeyFile(directory)
        self.key, self.secret = self.file.make(1001, [READ, TRADE], "", created)
        self.other, self.other_secret = self.file.make(1002, [READ], "", created)
        self.now_ns = NOW_NS
        limits = RateLimits(per_address=0, per_key=rate, burst=burst, clock_ns=lambda: self.now_ns)
        self.auth = Authenticator(KeyStore(directory), limits, clock_ns=lambda: self.now_ns)

    def credentials(self, **changes):
        """Of GET /x with body b; ``secret``, ``offset_ms`` and fields can be given."""
        secret = changes.pop("secret", self.secret)
        timestamp = changes.pop("timestamp", str(NOW_MS + changes.pop("offset_ms", 0)))
        nonce = changes.pop("nonce", "n")
        signed = signature.sign(secret.encode(), "GET", "/x", timestamp, nonce, b"b")
        fields = {"key_id": self.key.id, "signature": signed} | changes
        return Credentials(timestamp=timestamp, nonce=nonce, **fields)

    def code(self, method="GET", path="/x", body=b"b", **changes):
        """0, or the code of the refusal."""
        try:
            self.auth.check(self.credentials(**changes), method, path, body)
        except ApiError as error:
            assert self.secret not in error.message
            return error.code
        return 0


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_the_signature_is_what_the_documents_say():
    text = b"POST\n/api/v1/orders?a=1\n1700000000000\nabc\n{}"
    assert (
        signature.sign(b"5ec4e7", "POST", "/api/v1/orders?a=1", "1700000000000", "abc", b"{}")
        == hmac.new(b"5ec4e7", text, hashlib.sha256).hexdigest()
    )


def test_who_signs_is_known(world):
    assert world.auth.check(world.credentials(), "GET", "/x", b"b") == world.key


@pytest.mark.parametrize(
    "changes, code",
    [
        ({}, 0),
        ({"method": "POST"}, ErrorCode.SIGNATURE_INVALID),
        ({"path": "/x?a=1"}, ErrorCode.SIGNATURE_INVALID),
        ({"path": "/X"}, ErrorCode.SIGNATURE_INVALID),
        ({"body": b"c"}, ErrorCode.SIGNATURE_INVALID),
        ({"body": b""}, ErrorCode.SIGNATURE_INVALID),
        ({"signature": "0" * 64}, ErrorCode.SIGNATURE_INVALID),
        ({"signature": ""}, ErrorCode.SIGNATURE_INVALID),
        ({"signature": "é\udcff"}, ErrorCode.SIGNATURE_INVALID),
        ({"key_id": "A" * 20}, ErrorCode.KEY_UNKNOWN),
        ({"key_id": "\udcff"}, ErrorCode.KEY_UNKNOWN),
        ({"offset_ms": 5000}, 0),
        ({"offset_ms": -5000}, 0),
        ({"offset_ms": 5001}, ErrorCode.TIMESTAMP_OUTSIDE_WINDOW),
        ({"offset_ms": -5001}, ErrorCode.TIMESTAMP_OUTSIDE_WINDOW),
        ({"timestamp": "9" * 15}, ErrorCode.TIMESTAMP_OUTSIDE_WINDOW),
        ({"timestamp": "9" * 16}, ErrorCode.INVALID_FIELD),
        ({"timestamp": "9" * 100_000}, ErrorCode.INVALID_FIELD),
        ({"timestamp": ""}, ErrorCode.INVALID_FIELD),
        ({"timestamp": "-1"}, ErrorCode.INVALID_FIELD),
        ({"timestamp": "1.5"}, ErrorCode.INVALID_FIELD),
        ({"timestamp": "\u0661"}, ErrorCode.INVALID_FIELD),
        ({"nonce": "n" * 64}, 0),
        ({"nonce": "n" * 65}, ErrorCode.INVALID_FIELD),
        ({"nonce": "a b"}, ErrorCode.INVALID_FIELD),
        ({"nonce": "\u00e9"}, ErrorCode.INVALID_FIELD),
    ],
)
def test_every_other_request_is_refused(world, changes, code):
    assert world.code(**changes) == code
    assert world.code(nonce="honest") == 0


def test_upper_case_hexadecimal_is_the_same_signature(world):
    credentials = world.credentials()
    world.auth.check(
        credentials._replace(signature=credentials.signature.upper()), "GET", "/x", b"b"
    )


def test_another_keys_secret_does_not_sign(world):
    assert world.code(secret=world.other_secret) == ErrorCode.SIGNATURE_INVALID


def test_a_revoked_key_is_unknown_from_the_next_request_on(world):
    assert world.code() == 0
    world.file.revoke(world.key.id, datetime.datetime.now(datetime.UTC))
    assert world.code(nonce="m") == ErrorCode.KEY_UNKNOWN


def test_a_nonce_is_refused_as_long_as_its_timestamp_would_be_accepted(world):
    assert world.code(offset_ms=5000) == 0
    assert world.code() == ErrorCode.NONCE_USED
    credentials = world.credentials(offset_ms=5000)
    world.now_ns += 10_000 * 1_000_000  # the last moment at which that timestamp is accepted
    with pytest.raises(ApiError, match="nonce"):
        world.auth.check(credentials, "GET", "/x", b"b")
    world.now_ns += 1_000_000
    with pytest.raises(ApiError, match="old"):
        world.auth.check(credentials, "GET", "/x", b"b")


def test_the_same_nonce_of_another_key_is_another_one(world):
    assert world.code() == 0
    assert world.code(key_id=world.other.id, secret=world.other_secret) == 0


def test_a_request_is_not_replayed_against_a_new_process(world, tmp_path):
    def process():
        file = NonceFile(tmp_path / "nonces")
        limits = RateLimits(per_address=0, per_key=0, burst=1)
        clock = Authenticator(
            KeyStore(tmp_path), limits, nonce_file=file, clock_ns=lambda: world.now_ns
        )
        return clock, file

    world.auth, first = process()
    assert world.code() == 0
    world.auth, second = process()
    assert world.code() == ErrorCode.NONCE_USED
    assert world.code(nonce="new") == 0
    first.close()
    second.close()


def test_strangers_leave_no_nonces_behind(world):
    for number in range(100):
        world.code(nonce=str(number), signature="0" * 64)
        world.code(nonce=str(number), key_id="A" * 20)
    assert len(world.auth._nonces) == 0


def test_a_keys_rate_is_counted_only_for_its_holder(tmp_path):
    world = World(tmp_path, rate=1, burst=2)
    for number in range(10):
        assert world.code(nonce=f"s{number}", signature="0") == ErrorCode.SIGNATURE_INVALID
    assert [world.code(nonce=str(n)) for n in range(3)] == [0, 0, ErrorCode.RATE_LIMITED]
    # a refused request has not used its nonce
    world.now_ns += 1_000_000_000
    assert world.code(nonce="2") == 0


def test_damaged_keys_are_the_exchanges_trouble(world, tmp_path, caplog):
    (tmp_path / FILE).write_text("{")
    assert [world.code(), world.code()] == [ErrorCode.UNAVAILABLE] * 2
    assert len(caplog.records) == 1 and "damaged" in caplog.records[0].getMessage()


def test_headers(world):
    def code(drop=None, twice=None, permission=READ, key=None):
        key_id, secret = key or (world.key.id, world.secret)
        path = "/api/v1/orders?symbol=A%20B&b=%2F"
        headers = signature.signed_headers(key_id, secret, "POST", path, b"{}", now_ns=world.now_ns)
        items = [(name, text) for name, text in headers.items() if name != drop]
        items += [(twice, "x")] if twice else []
        request = make_mocked_request("POST", path, headers=CIMultiDict(items))
        try:
            world.auth.authenticate(request, b"{}", permission)
        except ApiError as error:
            return error.code
        return 0

    assert code() == 0
    for name in ("X-API-KEY", "X-TIMESTAMP", "X-NONCE", "X-SIGNATURE"):
        assert code(drop=name) == ErrorCode.CREDENTIALS_MISSING
        assert code(twice=name) == ErrorCode.CREDENTIALS_MISSING
    reader = (world.other.id, world.other_secret)
    assert code(key=reader) == 0
    assert code(key=reader, permission=TRADE) == ErrorCode.PERMISSION_DENIED
    with pytest.raises(ApiError, match="may not trade: it has read"):
        require(world.other, TRADE)


def test_websocket(world):
    def code(**changes):
        message = signature.signed_websocket(world.key.id, world.secret, now_ns=world.now_ns)
        try:
            assert world.auth.authenticate_websocket(message | changes) == world.key
        except ApiError as error:
            return error.code
        return 0

    assert code() == 0
    for name in ("key", "timestamp", "nonce", "signature"):
        for value in (None, True, [], {}, ""):
            assert code(**{name: value}) == ErrorCode.CREDENTIALS_MISSING
    assert code(nonce="other") == ErrorCode.SIGNATURE_INVALID
    assert code(timestamp=-1) == ErrorCode.INVALID_FIELD
