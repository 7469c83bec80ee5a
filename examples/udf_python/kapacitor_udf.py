"""What it takes to write a user-defined function in Python 3, with nothing but its standard library.

Derive a class from Function, say what it reads, gives and takes, and call serve(YourClass).

    class Double(Function):
        options = {"field": [STRING]}

        def point(self, point):
            name = self.option("field", "value")
            point.fields[name] *= 2
            self.give(point)

    serve(Double)

Never print to the standard output: the daemon reads its messages there. What goes to the standard error stream stands in
the daemon's log.
"""
import os, socket, struct, sys, threading

STREAM, BATCH = 0, 1
BOOL, INT, FLOAT, STRING, DURATION = range(5)


class Point:
    """A point of a stream, or of a batch. Times are nanoseconds since 1970; fields are int, float, str or bool."""

    def __init__(self, time=0, name="", database="", retention_policy="", group="", dimensions=(), tags=None, fields=None,
                 by_name=False):
        self.time, self.name, self.database, self.retention_policy = time, name, database, retention_policy
        self.group, self.dimensions, self.by_name = group, list(dimensions), by_name
        self.tags, self.fields = dict(tags or {}), dict(fields or {})


class Batch:
    """A whole batch. The tags are those it is grouped by; tmax is the end of its time."""

    def __init__(self, name="", group="", tags=None, tmax=0, by_name=False, points=()):
        self.name, self.group, self.tags, self.tmax, self.by_name = name, group, dict(tags or {}), tmax, by_name
        self.points = list(points)


class Function:
    """A function for one node of one task. An exception in a method ends it, and the task says why."""
    wants, provides = STREAM, STREAM
    # The types of each option's values, such as {"field": [STRING], "between": [FLOAT, FLOAT]}.
    options = {}

    def __init__(self, task, node, calls, give):
        self.task, self.node, self.calls, self.give = task, node, calls, give

    def option(self, name, default=None):
        """The value of an option, of its last call; a list if it takes several."""
        for called, values in reversed(self.calls):
            if called == name:
                return values[0] if len(values) == 1 else values
        return default

    def init(self):
        """Check the options: raise ValueError for what is wrong with them."""

    def point(self, point):
        """A point of a stream. self.give(point) hands it on, or another, or none, or several."""

    def batch(self, batch):
        """A whole batch. self.give(batch) or self.give(point) as `provides` says."""

    def snapshot(self):
        """All that it remembers, as bytes."""
        return b""

    def restore(self, snapshot):
        """What it once remembered."""

    def end(self):
        """No more will come; what is still held can be given now."""


# ---------------------------------------------------------------- the protocol

def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def parts(data):
    """(number, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        else:
            length, at = {1: (8, at), 5: (4, at)}.get(kind) or read_varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


def signed(number):
    return number - (1 << 64) if number >> 63 else number


def chunk(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def text(number, value):
    return chunk(number, value.encode()) if value else b""


def integer(number, value):
    return varint(number << 3) + varint(value) if value else b""


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def entry(data, read, zero):
    found = dict(parts(data))
    return found.get(1, b"").decode(), read(found[2]) if 2 in found else zero


def entries(number, values, write):
    return b"".join(chunk(number, text(1, key) + write(2, value)) for key, value in values.items())


def read_point(data):
    point = Point()
    for number, value in parts(data):
        if number == 1:
            point.time = signed(value)
        elif number in (2, 3, 4, 5):
            setattr(point, ("name", "database", "retention_policy", "group")[number - 2], value.decode())
        elif number == 6:
            point.dimensions.append(value.decode())
        elif number == 11:
            point.by_name = bool(value)
        elif number == 7:
            key, tag = entry(value, bytes.decode, "")
            point.tags[key] = tag
        else:
            read, zero = {8: (lambda raw: struct.unpack("<d", raw)[0], 0.0), 9: (signed, 0), 10: (bytes.decode, ""), 12: (bool, False)}[number]
            key, field = entry(value, read, zero)
            point.fields[key] = field
    return point


def write_point(point):
    kinds = ((8, float, double), (9, int, integer), (10, str, text), (12, bool, integer))
    fields = b"".join(entries(number, {k: v for k, v in point.fields.items() if type(v) is kind}, write) for number, kind, write in kinds)
    return (integer(1, point.time) + text(2, point.name) + text(3, point.database) + text(4, point.retention_policy) + text(5, point.group)
            + b"".join(chunk(6, name.encode()) for name in point.dimensions) + entries(7, point.tags, text) + integer(11, point.by_name) + fields)


def read_head(data, batch):
    """The begin or the end of a batch."""
    for number, value in parts(data):
        if number in (1, 2):
            setattr(batch, ("name", "group")[number - 1], value.decode())
        elif number in (3, 4) and isinstance(value, bytes):
            key, tag = entry(value, bytes.decode, "")
            batch.tags[key] = tag
        elif number == 5:
            batch.by_name = bool(value)
    return batch


def read_value(data):
    """The value of an option."""
    found = dict(parts(data))
    number, read, zero = {
        BOOL: (2, bool, False), INT: (3, signed, 0), FLOAT: (4, lambda raw: struct.unpack("<d", raw)[0], 0.0),
        STRING: (5, bytes.decode, ""), DURATION: (6, signed, 0),
    }[found.get(1, BOOL)]
    return read(found[number]) if number in found else zero


class Connection:
    """One function and the daemon."""

    def __init__(self, kind, source, sink):
        self.kind, self.source, self.sink = kind, source, sink
        self.function = self.open = None

    def send(self, number, data):
        message = chunk(number, data)
        self.sink.write(varint(len(message)) + message)

    def give(self, what):
        if isinstance(what, Point):
            return self.send(17, write_point(what))
        tags = lambda number: entries(number, what.tags, text)
        self.send(16, text(1, what.name) + text(2, what.group) + tags(3) + integer(4, len(what.points)) + integer(5, what.by_name))
        for point in what.points:
            self.send(17, write_point(point))
        self.send(18, text(1, what.name) + text(2, what.group) + integer(3, what.tmax) + tags(4) + integer(5, what.by_name))

    def messages(self):
        while True:
            length = shift = 0
            while True:
                byte = self.source.read(1)
                if not byte:
                    return
                length |= (byte[0] & 0x7F) << shift
                shift += 7
                if byte[0] < 0x80:
                    break
            yield next(parts(self.source.read(length)))

    def serve(self):
        try:
            for number, data in self.messages():
                self.heed(number, data)
                self.sink.flush()
            if self.function:
                self.function.end()
        except BrokenPipeError:
            return
        except Exception as error:
            self.send(6, text(1, "%s: %s" % (type(error).__name__, error)))
            self.sink.flush()
            raise
        self.sink.flush()

    def heed(self, number, data):
        if number == 1:
            options = (chunk(3, text(1, name) + chunk(2, chunk(1, bytes(kinds)) if kinds else b"")) for name, kinds in self.kind.options.items())
            self.send(1, integer(1, self.kind.wants) + integer(2, self.kind.provides) + b"".join(options))
        elif number == 2:
            self.answer(2, lambda: self.init(data))
        elif number == 3:
            self.send(3, data)
        elif number == 4:
            self.send(4, chunk(1, self.function.snapshot()))
        elif number == 5:
            self.answer(5, lambda: self.function.restore(dict(parts(data)).get(1, b"")))
        elif number == 16:
            self.open = read_head(data, Batch())
        elif number == 17 and self.open:
            self.open.points.append(read_point(data))
        elif number == 17:
            self.function.point(read_point(data))
        elif number == 18:
            batch, self.open = self.open, None
            batch.tmax = signed(dict(parts(data)).get(3, 0))
            self.function.batch(batch)

    def answer(self, number, act):
        try:
            act()
        except ValueError as error:
            return self.send(number, text(2, str(error) or "refused"))
        self.send(number, integer(1, 1))

    def init(self, data):
        calls, names = [], {2: "", 3: ""}
        for number, value in parts(data):
            if number == 1:
                call = list(parts(value))
                calls.append((dict(call).get(1, b"").decode(), [read_value(raw) for part, raw in call if part == 2]))
            else:
                names[number] = value.decode()
        self.function = self.kind(names[2], names[3], calls, self.give)
        self.function.init()


def serve(kind):
    """Serve the daemon: on a Unix socket if its path is the first argument, else over the standard streams."""
    if len(sys.argv) < 2:
        return Connection(kind, sys.stdin.buffer, sys.stdout.buffer).serve()
    path = sys.argv[1]
    if os.path.exists(path):
        os.remove(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def talk(connection):
        with connection, connection.makefile("rb") as source, connection.makefile("wb") as sink:
            Connection(kind, source, sink).serve()

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
