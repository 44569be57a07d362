"""Password hash strings."""

from __future__ import annotations

import pytest

from exchange.gateway.passwords import hash_password, parse_hash, verify_password


def test_a_hash_verifies_its_password_only() -> None:
    text = hash_password("secret", n=16)
    assert text.startswith("scrypt$16$8$1$")
    assert verify_password("secret", text)
    assert not verify_password("Secret", text)
    assert not verify_password("", text)


def test_salts_differ() -> None:
    assert hash_password("secret", n=16) != hash_password("secret", n=16)


def test_known_vector() -> None:
    # RFC 7914, section 12: scrypt("password", "NaCl", 1024, 8, 16), first 32 bytes
    text = hash_password("password", n=1024, r=8, p=16, salt=b"NaCl")
    digest = parse_hash(text.replace("TmFDbA==", "TmFDbE5hQ2w=")).digest
    assert digest.hex() == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"


@pytest.mark.parametrize(
    "text",
    [
        "", "secret", "scrypt$16$8$1$AAAA", "md5$16$8$1$AAAAAAAAAAA=$AAAA",
        "scrypt$x$8$1$AA==$AA==",
        "scrypt$15$8$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAA==", "scrypt$16$0$1$AAAAAAAAAAA=$AAAA",
        "scrypt$1073741824$8$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAA==",
        "scrypt$16$8$1$*$AAAAAAAAAAAAAAAAAAAAAA==", "scrypt$16$8$1$AA==$AAAAAAAAAAAAAAAAAAAAAA==",
    ],
)  # fmt: skip
def test_malformed_hashes(text: str) -> None:
    with pytest.raises(ValueError, match="password hash"):
        parse_hash(text)
