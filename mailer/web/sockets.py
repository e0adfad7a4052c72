"""Open the socket for serving pages, or raise a clear error."""

import errno
import socket

from mailer.errors import MailerError


def open_listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at `host` and `port`. Raises MailerError if that fails. (uvicorn
    would log the failure and exit with code 1.)"""
    where = f"http://{host}:{port}"
    if not 0 < port < 65_536:  # getaddrinfo would use the port modulo 65,536
        raise MailerError(f"{port} is not a port", where=where, hint="use one from 1024 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening_socket = socket.socket(family, kind, protocol)
        try:
            listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening_socket.bind(address)
            listening_socket.listen(128)
        except BaseException:
            listening_socket.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise MailerError(
                f"port {port} is in use",
                where=where,
                hint="stop the program that listens there, or choose another port",
            ) from error
        raise MailerError(
            f"nothing can listen there: {error.strerror or error}",
            where=where,
            hint="use 127.0.0.1 and a port above 1023",
        ) from error
    return listening_socket
