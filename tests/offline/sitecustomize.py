"""Refuses every connection but to this machine, in this process and in each Python that it starts, and notes the try.

Python reads it at its start where `tests/conftest.py` put this folder on PYTHONPATH. Native libraries and other
programs pass it by.
"""

import os
import socket
import sys

NOTES = "TESTS_REFUSED_CONNECTIONS"
"""Environment variable: the file that takes a line for each refused connection."""

INTERNET = {socket.AF_INET, socket.AF_INET6}
HERE = {None, "", "localhost", "0.0.0.0", "::", "::1", socket.gethostname()}


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Python's audit hook; every library's socket and every name that is looked up comes by.

    Raises:
        ConnectionRefusedError: another machine is asked for.
    """
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        made, address = arguments
        if made.family in INTERNET and isinstance(address, tuple):
            _check(address[0])
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        _check(arguments[0])
    elif event == "socket.getnameinfo":
        _check(arguments[0][0])


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in HERE or str(name).removeprefix("::ffff:").startswith("127."):
        return
    said = f"tests open no outside connection, and this asks for {name}: let it talk to a stand-in on 127.0.0.1"
    if path := os.environ.get(NOTES):
        with open(path, "a") as notes:  # noqa: PTH123 - every Python that tests start would import pathlib for it
            notes.write(f"{said} ({' '.join(sys.argv)[:200]})\n")
    raise ConnectionRefusedError(said)


if os.environ.get(NOTES):
    sys.addaudithook(refuse)
