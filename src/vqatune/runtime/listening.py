"""What servers have in common: where they listen, the token that others must have, and who may ask without one."""

import ipaddress
import os
import re
import socket
from hmac import compare_digest

from vqatune.errors import DataError, ParameterError

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
"""Connections that are not accepted yet."""
TOKEN_VARIABLE = "VQATUNE_TOKEN"
_SHORTEST_TOKEN = 8
_OWN = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises DataError where the port is taken, or the host is not of this machine."""
    if not 0 <= port < 1 << 16:
        raise DataError(
            f"there is no port {port}: --port takes a number up to 65535, or 0 for any that is free"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small parts at once (TCP_NODELAY) only where the protocol is named; otherwise an answer waits 40 ms
    # for the acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except socket.gaierror as error:
        listening.close()
        raise DataError(f"there is no host {host}: --host takes an address of this machine") from error
    except OSError as error:
        listening.close()
        where = "this machine" if is_loopback(host) else host
        raise DataError(
            f"port {port} of {where} cannot be used ({error.strerror}): name another one with --port"
        ) from error
    return listening


def address_of(host: str, listening: socket.socket) -> str:
    """Return the address of a server, for people."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(given: str | None, exposed: bool) -> str | None:
    """Return the token that requests need: the one of the command line, or of VQATUNE_TOKEN; None where there is none.

    Raises ParameterError where others than this machine can ask and there is none, or where it cannot be sent.
    """
    token = given if given is not None else os.environ.get(TOKEN_VARIABLE) or None
    if token is None:
        if exposed:
            raise ParameterError(
                f"others than this machine could ask, so a token is needed: set {TOKEN_VARIABLE} to one, such as that of "
                "`openssl rand -hex 24`"
            )
        return None
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ParameterError(
            f"the token needs {_SHORTEST_TOKEN} characters or more, of ASCII and without spaces: `openssl rand -hex 24` "
            "makes one"
        )
    return token


def is_token(given: str, token: str) -> bool:
    """Whether a request's token is the right one, in a time that does not tell how much of it is."""
    return compare_digest(given.encode(), token.encode())


def is_from_here(host: str, origin: str | None) -> bool:
    """Whether a request's Host is this machine, and its Origin, if it has one, that same server.

    Another site can point a name of its own at this machine, or post to it from its own page: such requests bear
    that site's name as Host or Origin.
    """
    if not _OWN.fullmatch(host):
        return False
    return origin is None or origin.partition("://")[2] == host
