"""The messages of the protocol, made of its compiled files (``generate.py``).

Who uses it: every module of this package and the call-back client. The classes are made by protobuf
when they are loaded, so for the type checker they are anything.

Decision CON-41.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass

from exchange.connect.grpc.generate import PROTO
from exchange.errors import ConfigurationError

PACKAGE = "exchange.v1"


def _file_of(name: str) -> Any:
    """The descriptor of ``NAME.proto`` in the default pool, where reflection finds it."""
    compiled = descriptor_pb2.FileDescriptorSet()
    try:
        compiled.ParseFromString((PROTO / f"{name}.binpb").read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"the protocol of gRPC is not compiled ({error.strerror}: {error.filename}): make it "
            "with `scripts/up --with grpc`, or install the package with the extra [grpc]"
        ) from None
    (file,) = compiled.file
    for message in file.message_type:
        for field in message.field:
            field.ClearField("json_name")  # as generated modules have it: both may be loaded
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(file.name)


def load(name: str) -> Any:
    """Messages, values of enumerations and services of ``NAME.proto``, by their names.

    Raises ConfigurationError when it is not compiled.
    """
    file = _file_of(name)
    found: dict[str, Any] = {
        each: GetMessageClass(descriptor) for each, descriptor in file.message_types_by_name.items()
    }
    for enumeration in file.enum_types_by_name.values():
        found |= {each.name: each.number for each in enumeration.values}
    return SimpleNamespace(**found, DESCRIPTOR=file)


v1 = load("exchange_v1")


def path_of(service: str, method: str) -> str:
    """The path of a method, which is also what a client signs."""
    return f"/{PACKAGE}.{service}/{method}"
