"""Datagrams by the dozen: recvmmsg(2) and sendmmsg(2), and replies from the very address that was asked.

The standard library has neither call. Both are made with the interpreter's lock held, since they never block: with a
thread at work beside us, giving it up would cost milliseconds each time.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from ipaddress import ip_address
from typing import Any, Literal

MOST = 64
"""Datagrams of a batch."""
QUERY = 4096
"""Octets of a query that are read; longer ones are cut, and so malformed."""
RESPONSE = 1536
"""Octets that a response may have."""

_ADDRESS = 28  # sockaddr_in6
_CONTROL = 64
_IP_PKTINFO = 8
_INDEX = 16
"""Where the interface's index stands in a control message with an in_pktinfo: after the cmsghdr."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_WORD, _SIZE = 4, ctypes.sizeof(ctypes.c_size_t)
_STRIDE = ctypes.sizeof(_Message)
_STATE: Literal["I", "Q"] = "Q" if _SIZE == 8 else "I"

LENGTH_STRIDE = _STRIDE // _WORD
LENGTH = _Message.length.offset // _WORD
_NOWAIT = socket.MSG_DONTWAIT


class Batch:
    """The datagrams that wait at ``sock``, and our responses to them.

    After :meth:`receive` the queries are in ``queries``, slot by slot, and their lengths at :meth:`length`. A response
    is written to the slot of its query and given its length by :meth:`reply`. Replies go in their order when
    :meth:`flush` is called.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._libc: Any = ctypes.PyDLL(None, use_errno=True)
        self._six = sock.family == socket.AF_INET6
        self.wildcard = ip_address(sock.getsockname()[0].partition("%")[0]).is_unspecified
        """Is the address that was asked to be found out for each datagram?"""
        if self.wildcard and self._six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self.wildcard:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        buffers = [bytearray(MOST * size) for size in (QUERY, RESPONSE, _ADDRESS, _CONTROL)]
        self._kept = places = [(ctypes.c_char * len(buffer)).from_buffer(buffer) for buffer in buffers]
        queries, responses, names, controls = map(ctypes.addressof, places)
        self._vectors = (_Vector * (2 * MOST))()
        self._in, self._out = (_Message * MOST)(), (_Message * MOST)()
        for i in range(MOST):
            self._vectors[i] = _Vector(queries + i * QUERY, QUERY)
            self._vectors[MOST + i] = _Vector(responses + i * RESPONSE, 0)
            for messages, at in ((self._in, i), (self._out, MOST + i)):
                header = messages[i].header
                header.name, header.name_length = names + i * _ADDRESS, _ADDRESS if self._six else 16
                header.vectors, header.vector_count = ctypes.addressof(self._vectors[at]), 1
                if self.wildcard:
                    header.control, header.control_length = controls + i * _CONTROL, _CONTROL
        self._received, self._outgoing = ctypes.addressof(self._in), ctypes.addressof(self._out)
        self.queries, self.responses = memoryview(buffers[0]), memoryview(buffers[1])
        self._names, self._controls = memoryview(buffers[2]), memoryview(buffers[3])
        # The same memory as numbers: reading fields through ctypes takes ten times as long.
        self.lengths = memoryview(self._in).cast("B").cast("I")
        """At ``index * LENGTH_STRIDE + LENGTH``: the length of a query."""
        self._in_states = memoryview(self._in).cast("B").cast(_STATE)
        self._out_states = memoryview(self._out).cast("B").cast(_STATE)
        self._sizes = memoryview(self._vectors).cast("B").cast(_STATE)
        self.addresses = self._names.cast("I")
        """IPv4 addresses of clients as numbers, at ``index * 7 + 1``."""
        self._interfaces = self._controls.cast("I")
        self._control_at = _Message.header.offset + _Header.control_length.offset

    def receive(self) -> int:
        """How many queries have come; 0: none wait; -1: an error of an earlier response came instead."""
        found = self._libc.recvmmsg(self._socket.fileno(), ctypes.c_void_p(self._received), MOST, _NOWAIT, None)
        if found < 0:
            return 0 if ctypes.get_errno() in (errno.EAGAIN, errno.EBADF) else -1
        if self.wildcard:
            self._turn_round(found)
        return int(found)

    def _turn_round(self, count: int) -> None:
        """What says where a datagram arrived says where its response leaves."""
        for i in range(count):
            at = (i * _STRIDE + self._control_at) // _SIZE
            self._out_states[at] = self._in_states[at]
            self._in_states[at] = _CONTROL
            if not self._six:
                self._interfaces[i * _CONTROL // _WORD + _INDEX // _WORD] = 0  # by any way there is

    def client(self, index: int) -> int | bytes:
        """Whom a query is from, as a key."""
        if self._six:
            return bytes(self._names[index * _ADDRESS + 8 : (index + 1) * _ADDRESS])
        return self.addresses[index * 7 + 1]

    def host(self, index: int) -> str:
        """The client's IP as text."""
        return str(self.address(index)[0]).partition("%")[0]

    def address(self, index: int) -> Any:
        """The client as a socket knows it: IP, port, and for IPv6 flow and scope."""
        name = bytes(self._names[index * _ADDRESS : (index + 1) * _ADDRESS])
        port = int.from_bytes(name[2:4], "big")
        if self._six:
            scope = int.from_bytes(name[24:28], sys.byteorder)
            return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, 0, scope
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port

    def way_back(self, index: int) -> list[tuple[int, int, bytes]]:
        """For sendmsg: what has a response that comes later leave from the address that was asked."""
        if not self.wildcard:
            return []
        start = index * _CONTROL + 16
        if self._six:
            return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(self._controls[start : start + 20]))]
        return [(socket.IPPROTO_IP, _IP_PKTINFO, bytes(self._controls[start : start + 12]))]

    def reply(self, index: int, length: int) -> None:
        """The response in slot ``index`` has this length."""
        self._sizes[2 * (MOST + index) + 1] = length

    def flush(self, first: int, last: int) -> None:
        """Send the responses in the slots from ``first`` up to and without ``last``; what cannot be sent is lost."""
        while first < last:
            start = ctypes.c_void_p(self._outgoing + first * _STRIDE)
            sent = self._libc.sendmmsg(self._socket.fileno(), start, last - first, _NOWAIT)
            if sent < 0 and ctypes.get_errno() in (errno.EAGAIN, errno.ENOBUFS, errno.EBADF):
                return
            first += max(sent, 1)  # one that cannot be reached is passed over
