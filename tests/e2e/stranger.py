#!/usr/bin/env python3
"""A client that knows nothing but proto/PROTOCOL.md: plain sockets, its own msgpack, no library.

It founds a shop on a real server, logs in, brings a buyer in, lets both sides talk, loses its
connections in the middle (cut, reset, and with the server killed), resumes, and accounts for what
came: every command carried out once and answered once, every update once and in its place.

    python3 stranger.py DIRECTORY_OF_PROGRAMS

The numbers below are those of sections 9 to 11. `golden_vectors` reads every vector besides.
"""
import collections
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

HELLO, BEAT, ACK, BYE = 1, 2, 3, 4
WELCOME, DONE, ERROR, MARKER, RESYNC, GOODBYE = 8, 9, 10, 11, 12, 13
OPEN, SAY, CLOSE, BE, ACCOUNT_SET = 16, 17, 18, 22, 27
SESSION_CHANGED, MESSAGE_ADDED = 112, 113
UPDATES = range(112, 160)
OWNER, AGENT, BRIDGE = 1, 3, 4  # role
ONLINE = 2  # presence
ASSIGNED, CLOSED = 3, 7  # change
BUYER_SENT, AGENT_SENT = 1, 2  # sender
HELLO_NEEDED, DENIED, NOT_FOUND = 6, 7, 9  # code
UNKNOWN_TYPE = 2
PASSWORD = "correct horse battery"


# ---- msgpack: as much of it as the protocol has --------------------------------------------------


def pack(value):
    if value is None:
        raise TypeError("nil is not in the protocol")
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, str):
        raw = value.encode("utf-8")
        return pack_head(len(raw), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + raw
    if isinstance(value, bytes):
        return pack_head(len(value), None, -1, (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, dict):
        parts = [pack(key) + pack(one) for key, one in value.items()]
        return pack_head(len(value), 0x80, 15, (None, 0xDE, 0xDF)) + b"".join(parts)
    parts = [pack(one) for one in value]
    return pack_head(len(parts), 0x90, 15, (None, 0xDC, 0xDD)) + b"".join(parts)


def pack_head(size, short, short_max, heads):
    if size <= short_max:
        return bytes([short | size])
    for head, bound, form in zip(heads, (0xFF, 0xFFFF, 0xFFFFFFFF), ("B", ">H", ">I")):
        if head is not None and size <= bound:
            return bytes([head]) + struct.pack(form, size)
    raise ValueError("too long")


def pack_int(n):
    if -32 <= n < 128:
        return struct.pack("b", n)
    forms = ((0xCC, "B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")) if n >= 0 else (
        (0xD0, "b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))
    for head, form in forms:
        try:
            return bytes([head]) + struct.pack(form, n)
        except struct.error:
            pass
    raise ValueError("out of range")


NUMBERS = {0xCC: "B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
           0xD0: "b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
LENGTHS = {0xC4: ("B", "bin"), 0xC5: (">H", "bin"), 0xC6: (">I", "bin"),
           0xD9: ("B", "str"), 0xDA: (">H", "str"), 0xDB: (">I", "str"),
           0xDC: (">H", "array"), 0xDD: (">I", "array"), 0xDE: (">H", "map"), 0xDF: (">I", "map")}


def take_number(raw, at, form):
    return struct.unpack_from(form, raw, at)[0], at + struct.calcsize(form)


def unpack(raw, at=0):
    """One value and the place behind it."""
    head, at = raw[at], at + 1
    if head < 0x80:
        return head, at
    if head >= 0xE0:
        return head - 256, at
    if head in (0xC2, 0xC3):
        return head == 0xC3, at
    if head in NUMBERS:
        return take_number(raw, at, NUMBERS[head])
    if head in LENGTHS:
        form, kind = LENGTHS[head]
        size, at = take_number(raw, at, form)
    elif head < 0x90:
        size, kind = head & 15, "map"
    elif head < 0xA0:
        size, kind = head & 15, "array"
    elif head < 0xC0:
        size, kind = head & 31, "str"
    else:
        raise ValueError("%#x is not in the protocol" % head)
    return unpack_sized(raw, at, size, kind)


def unpack_sized(raw, at, size, kind):
    if kind in ("bin", "str"):
        body = raw[at:at + size]
        assert len(body) == size, "cut short"
        return (body if kind == "bin" else body.decode("utf-8")), at + size
    if kind == "array":
        items = []
        for _ in range(size):
            one, at = unpack(raw, at)
            items.append(one)
        return items, at
    body = {}
    for _ in range(size):
        key, at = unpack(raw, at)
        assert key not in body, "a number twice"
        body[key], at = unpack(raw, at)
    return body, at


# ---- section 1: bytes on a socket ----------------------------------------------------------------


class Wire:
    """A connection: greeted, and then frames both ways."""

    HEADER = 0x80000001

    def __init__(self, address):
        kind, place = address.split("://", 1)
        if kind == "ipc":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(place)
        else:
            host, port = place.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_ipc = kind == "ipc"
        self.frames = collections.deque()
        self.socket.sendall(bytes.fromhex("0053500000300000"))
        assert self.exactly(8) == bytes.fromhex("0053500000310000")

    def exactly(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            if not more:
                raise ConnectionError("the server has closed")
            got += more
        return got

    def send(self, *frames):
        """Frames (type, ref, body) in one message."""
        payload = struct.pack(">I", self.HEADER) + b"".join(pack(list(one)) for one in frames)
        head = (b"\x01" if self.is_ipc else b"") + struct.pack(">Q", len(payload))
        self.socket.sendall(head + payload)

    def receive(self):
        """The next frame: type, ref, body."""
        while not self.frames:
            if self.is_ipc:
                assert self.exactly(1) == b"\x01"
            size = struct.unpack(">Q", self.exactly(8))[0]
            payload = self.exactly(size)
            assert struct.unpack_from(">I", payload)[0] == self.HEADER, "not what was sent last"
            at = 4
            while at < size:
                frame, at = unpack(payload, at)
                self.frames.append(frame)
        return self.frames.popleft()

    def cut(self):
        """Gone at once, with a reset: what is in the buffers is lost."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


# ---- sections 3 to 5: a client -------------------------------------------------------------------


class Client:
    """A device: log-in, commands once, the feed without a gap."""

    def __init__(self, address, login, feed=True):
        self.login, self.feed = login, feed
        self.token = None
        self.cursor = None  # last update or marker taken care of
        self.counter = 0
        self.pending = collections.OrderedDict()  # counter: (type, body)
        self.answers = {}  # counter: (type, body)
        self.updates = []
        self.join(address)

    def join(self, address):
        self.wire = Wire(address)
        hello = {1: 1, 2: "demo", 6: self.feed, 8: "stranger/1"}
        if self.token:
            hello[5] = self.token
        else:
            hello.update({3: self.login, 4: PASSWORD})
        if self.cursor is not None:
            hello[7] = self.cursor
        self.wire.send((HELLO, 1, hello))
        kind, ref, welcome = self.wire.receive()
        assert (kind, ref) == (WELCOME, 1), (kind, welcome)
        assert welcome[1] == 1
        self.agent = welcome[2]
        if not self.token:
            assert len(welcome[6]) == 32
            self.token = welcome[6]
        else:
            assert 6 not in welcome, "the token is said only once"
        if self.cursor is not None:
            assert welcome.get(8, 0) == self.cursor, "the feed goes on where we were"
        self.cursor = welcome.get(8, 0)
        assert welcome.get(7, 0) <= self.counter
        self.send_again()

    def send_again(self):
        """What has no answer, with the same counters and bodies, oldest first."""
        if self.pending:
            self.wire.send(*((kind, ref, body) for ref, (kind, body) in self.pending.items()))

    def command(self, *commands):
        """Send (type, body)… in one message; answers are for `settle`."""
        done = min(self.pending) - 1 if self.pending else self.counter
        frames = []
        for kind, body in commands:
            self.counter += 1
            body = {1: done, **body} if done else body
            self.pending[self.counter] = (kind, body)
            frames.append((kind, self.counter, body))
        self.wire.send(*frames)

    def take(self):
        """One frame from the server."""
        kind, ref, body = self.wire.receive()
        if kind in (DONE, ERROR):
            assert ref == min(self.pending), "answers come in the order of the counters"
            assert ref not in self.answers
            del self.pending[ref]
            self.answers[ref] = (kind, body)
        elif kind in UPDATES or kind == MARKER:
            assert body[2] == self.cursor, "a gap: %d behind %d" % (body[1], self.cursor)
            assert body[1] >= self.cursor
            self.cursor = body[1]
            if kind != MARKER:
                assert ref == 0
                self.updates.append((kind, body))
                if len(self.updates) % 100 == 0:
                    self.wire.send((ACK, 0, {1: self.cursor}))
        else:
            raise AssertionError("type %d: %s" % (kind, body))
        return kind, ref, body

    def settle(self):
        """Wait for every answer."""
        while self.pending:
            self.take()

    def do(self, kind, body):
        """One command that is not refused; its `done`."""
        self.command((kind, body))
        self.settle()
        kind, answer = self.answers[self.counter]
        assert kind == DONE, answer
        return answer

    def wait_for(self, fits):
        """The next update that fits, the earlier ones included."""
        at = 0
        while True:
            for at in range(at, len(self.updates)):
                if fits(*self.updates[at]):
                    return self.updates[at][1]
            at = len(self.updates)
            self.take()

    def beat(self):
        """A marker that answers this beat: everything before it has come."""
        self.wire.send((BEAT, 4711, {}))
        while self.take()[:2] != (MARKER, 4711):
            pass

    def messages(self):
        return [body[3] for kind, body in self.updates if kind == MESSAGE_ADDED]


# ---- a server ------------------------------------------------------------------------------------


class Server:
    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="xr-stranger-")
        with open(self.folder + "/password", "w") as file:
            file.write(PASSWORD + "\n")
        self.process = None
        self.start()

    def start(self):
        log = open(self.folder + "/log", "a")
        self.process = subprocess.Popen(
            [self.program, "--data", self.folder + "/data", "--listen", "tcp://127.0.0.1:0",
             "--listen", "ipc://" + self.folder + "/socket",
             "--owner-password-file", self.folder + "/password"],
            stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        line = self.process.stdout.readline()
        assert line.startswith("ready "), "the server did not start"
        self.tcp, self.ipc = line.split()[1:3]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait() == 0
        self.process.stdout.close()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)


# ---- what is tried -------------------------------------------------------------------------------


def golden_vectors():
    """Every vector is read whole, has the fields that its JSON has, and can be written again."""
    here = os.path.dirname(os.path.abspath(__file__))
    seen = 0
    for path in sorted(glob.glob(here + "/../vectors/v1/*.txt")):
        for line in open(path, encoding="utf-8"):
            if line.startswith("frame: "):
                raw = bytes.fromhex(line[7:])
                frame, end = unpack(raw)
                assert end == len(raw)
                assert len(frame) == 3 and isinstance(frame[2], dict)
            elif line.startswith("json: "):
                said = json.loads(line[6:])
                shown = {key for key in said if key not in ("type", "ref")}
                assert len(shown) == len(frame[2]), line
                assert unpack(pack(frame))[0] == frame
                seen += 1
    assert seen > 50, "no vectors"


def a_stranger_is_refused_uniformly(server):
    wire = Wire(server.tcp)
    wire.send((SAY, 1, {2: 1, 3: "?"}))
    kind, ref, body = wire.receive()
    assert (kind, ref, body[1]) == (ERROR, 1, HELLO_NEEDED)
    for login in ("owner", "nobody"):
        wire.send((HELLO, 2, {1: 1, 2: "demo", 3: login, 4: "not this one"}))
        kind, ref, body = wire.receive()
        assert (kind, ref, body) == (ERROR, 2, {1: DENIED})
    wire.cut()


def found(server):
    """A shop with an agent that is online, and a bridge."""
    owner = Client(server.tcp, "owner", feed=False)
    for login, role in (("tao", BRIDGE), ("mei", AGENT)):
        owner.do(ACCOUNT_SET, {3: login, 5: role, 6: PASSWORD})
    owner.wire.send((BYE, 0, {}))
    tao, mei = Client(server.tcp, "tao"), Client(server.ipc, "mei")
    mei.do(BE, {2: ONLINE})
    return tao, mei


def both_talk(tao, mei):
    session = tao.do(OPEN, {2: "taobao", 3: "b1", 4: "小雨", 7: "在吗?"})[1]
    for one in (tao, mei):
        change = one.wait_for(lambda kind, body: kind == SESSION_CHANGED and body[3] == ASSIGNED)
        assert change[4][1] == session and change[4][5] == mei.agent
    first = mei.wait_for(lambda kind, _: kind == MESSAGE_ADDED)[3]
    assert (first[2], first[3], first[6]) == (1, BUYER_SENT, "在吗?")
    assert mei.do(SAY, {2: session, 3: "在的, 亲", 5: 1})[2] == 2
    answer = tao.wait_for(lambda kind, _: kind == MESSAGE_ADDED)[3]
    assert (answer[2], answer[3], answer[6]) == (2, AGENT_SENT, "在的, 亲")
    return session


def wrong_frames_are_answered_and_harm_nobody(tao):
    tao.wire.send((4000, 9, {}), (BEAT, 10, {}))  # a query would be as good
    kind, ref, body = tao.wire.receive()
    assert (kind, ref, body[1]) == (ERROR, 9, UNKNOWN_TYPE)
    assert tao.take()[:2] == (MARKER, 10)
    tao.command((SAY, {2: 999999, 3: "nobody", 4711: "a field of a newer client"}))
    tao.settle()
    assert tao.answers[tao.counter] == (ERROR, {1: NOT_FOUND, 2: "session"})


def says(session, name, first, count):
    return [(SAY, {2: session, 3: "%s %d" % (name, i)}) for i in range(first, first + count)]


def cut_and_resume(server, tao, mei, session):
    """Both lose their connections with commands and updates under way, five times."""
    for turn in range(5):
        before = tao.counter
        tao.command(*says(session, "buyer", turn * 300, 300))
        while before + 37 * turn not in tao.answers and turn:
            tao.take()
        for _ in range(23 * turn):
            mei.take()
        mei.command(*says(session, "agent", turn * 20, 20))
        tao.wire.cut()
        mei.wire.cut()
        tao.join(server.ipc if turn % 2 else server.tcp)
        mei.join(server.tcp if turn % 2 else server.ipc)
    for one in (tao, mei):
        one.settle()
        one.beat()


def killed_and_resume(server, tao, mei, session):
    tao.command(*says(session, "buyer", 1500, 300))
    mei.command(*says(session, "agent", 100, 20))
    for _ in range(50):
        tao.take()
    server.kill()
    server.start()
    tao.join(server.tcp)
    mei.join(server.ipc)
    for one in (tao, mei):
        one.settle()
    for one in (tao, mei):
        one.beat()


def account_for(tao, mei, session):
    """Every message once: in the session's numbers, in the answers, in the feeds."""
    wanted = {"在吗?", "在的, 亲"}
    wanted |= {"buyer %d" % i for i in range(1800)} | {"agent %d" % i for i in range(120)}
    seen = mei.messages()
    assert [one[2] for one in seen] == list(range(1, len(wanted) + 1)), "numbers have a gap"
    assert {one[6] for one in seen} == wanted
    assert [one[2] for one in tao.messages()] == [one[2] for one in seen if one[3] == AGENT_SENT]
    for client, name in ((tao, "buyer"), (mei, "agent")):
        own = [one[6] for one in seen if one[6].startswith(name)]
        assert own == sorted(own, key=lambda text: int(text.split()[1])), "out of order"
        numbers = [body[2] for kind, body in client.answers.values() if kind == DONE and 2 in body]
        assert len(set(numbers)) == len(numbers)
    assert sum(kind == ERROR for kind, _ in tao.answers.values()) == 1  # the one that was meant
    assert not any(kind == ERROR for kind, _ in mei.answers.values())


def main():
    program = os.path.join(sys.argv[1], "xiaoerd")
    golden_vectors()
    server = Server(program)
    try:
        a_stranger_is_refused_uniformly(server)
        tao, mei = found(server)
        session = both_talk(tao, mei)
        wrong_frames_are_answered_and_harm_nobody(tao)
        cut_and_resume(server, tao, mei, session)
        killed_and_resume(server, tao, mei, session)
        account_for(tao, mei, session)
        mei.do(CLOSE, {2: session})
        tao.wait_for(lambda kind, body: kind == SESSION_CHANGED and body[3] == CLOSED)
        server.stop()
    except BaseException:
        sys.stderr.write(open(server.folder + "/log").read()[-4000:])
        raise
    finally:
        server.end()
    print("%d and %d updates, %d and %d answers: none lost, none twice" % (
        len(tao.updates), len(mei.updates), len(tao.answers), len(mei.answers)))


main()
