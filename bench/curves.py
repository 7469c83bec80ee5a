#!/usr/bin/env python3
"""How the cost of a point grows: with tasks, with groups, with the size of a write, and what a second core gives.

    bench/curves.py target/release/kapacitord [--quick] [--only tasks|groups|writes|cores] [--out docs/curves]

Starts the daemon on a free port with a temporary folder, writes line protocol to it, and reads the processor time that it
took from /proc. Draws a picture for each curve and prints a table. Needs nothing but Python's standard library.
"""
import argparse, http.client, json, math, os, re, shutil, socket, subprocess, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CONFIG = """
hostname = "localhost"
data_dir = "{dir}/data"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[replay]
  dir = "{dir}/replay"
[storage]
  boltdb = "{dir}/store"
[logging]
  file = "{dir}/log"
  level = "WARN"
[[influxdb]]
  enabled = false
{sections}
"""
FROM = "stream\n    |from().measurement('cpu').groupBy('host')\n    "
CONNECTIONS = 4


class Daemon:
    """The daemon that is measured, run by another program if one is named."""

    def __init__(self, binary, by=(), sections=""):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="curves-")
        config = Path(self.dir, "kapacitor.conf")
        config.write_text(CONFIG.format(dir=self.dir, port=self.port, sections=sections))
        self.process = subprocess.Popen([*by, binary, "run", "-config", str(config)], stderr=subprocess.DEVNULL)
        for _ in range(2000):
            try:
                return self.ask("GET", "ping")
            except OSError:
                time.sleep(0.01)
        raise SystemExit("the daemon does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, "/kapacitor/v1/" + path, json.dumps(body) if body else None)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 204), (path, answer.status, text[:300])
            return json.loads(text or "null")
        finally:
            connection.close()

    def define(self, scripts):
        def one(pair):
            body = {"id": f"t{pair[0]}", "type": "stream", "script": pair[1], "status": "enabled"}
            self.ask("POST", "tasks", body | {"dbrps": [{"db": "telegraf", "rp": "autogen"}]})
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(one, enumerate(scripts)))

    def collected(self, node, task="t0"):
        return self.ask("GET", f"tasks/{task}?fields=stats")["stats"]["node-stats"][node]["collected"]

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, streams):
        """A connection for each stream; the next body goes out when the last one was answered."""
        def one(bodies):
            with socket.create_connection(("127.0.0.1", self.port)) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for body in bodies:
                    head = f"POST /kapacitor/v1/write?db=telegraf&rp=autogen HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
                    s.sendall(head.encode() + body)
                    answer = b""
                    while b"\r\n\r\n" not in answer:
                        answer += s.recv(65536) or b"closed\r\n\r\n"
                    assert b" 204 " in answer, answer[:300]
        threads = [threading.Thread(target=one, args=(bodies,)) for bodies in streams]
        [t.start() for t in threads]
        [t.join() for t in threads]

    def measure(self, streams, points, node):
        """Microseconds of processor time and points a second, from the first write to the last point taken."""
        self.settle()
        before, cpu, begin = self.collected(node), self.cpu(), time.monotonic()
        self.send(streams)
        until = time.monotonic() + 120
        while self.collected(node) < before + points:
            assert time.monotonic() < until, f"{self.collected(node) - before} of {points} points were taken"
            time.sleep(0.02)
        wall = time.monotonic() - begin
        self.settle()
        return (self.cpu() - cpu) * 1e6 / points, points / wall

    def settle(self):
        last = -1
        while self.cpu() - last > 0.011:
            last = self.cpu()
            time.sleep(0.1)


def bodies(groups, ticks, lines, first=0):
    """A line of each group and tick; a group stays on one connection."""
    streams = []
    for c in range(CONNECTIONS):
        rows = [f"cpu,host=h{g:07d} usage_idle={30 + (g * 31 + t * 17) % 60}.5,usage_user={(g * 31 + t * 17) % 1000 / 10} {1700000000 + t}000000000\n"
                for t in range(first, first + ticks) for g in range(c, groups, CONNECTIONS)]
        streams.append(["".join(rows[i:i + lines]).encode() for i in range(0, len(rows), lines)])
    return streams


def by_tasks(binary, quick):
    """Tasks that read one measurement, each with a limit of its own; microseconds a point"""
    for tasks in (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 10_000):
        with Daemon(binary) as d:
            limit = lambda k: f"|where(lambda: \"usage_user\" > {k * 100 / tasks})\n    |alert().crit(lambda: \"usage_user\" > 150.0)"
            d.define(FROM + limit(k) for k in range(tasks))
            groups, ticks = (100, 20) if quick else (1000, 200)
            groups_met = [[re.sub(rb"usage_user=[0-9.]+", b"usage_user=101", body) for body in stream]
                          for stream in bodies(groups, 1, 5000)]
            d.measure(groups_met, groups, "from1")      # above all limits, so that each task meets each group
            yield tasks, d.measure(bodies(groups, ticks, 5000, 10), groups * ticks, "from1")[0]


def by_groups(binary, quick):
    """Groups of one task, stateDuration and alert; microseconds a point"""
    for groups in (1000, 10_000) if quick else (1000, 10_000, 100_000, 1_000_000):
        with Daemon(binary) as d:
            d.define([FROM + "|stateDuration(lambda: \"usage_idle\" > 88.0)\n    |alert().crit(lambda: \"state_duration\" > 100)"])
            ticks = max(2, (20_000 if quick else 400_000) // groups)
            d.measure(bodies(groups, 1, 5000), groups, "alert3")
            yield groups, d.measure(bodies(groups, ticks, 5000, 1), groups * ticks, "alert3")[0]


def by_lines(binary, quick):
    """Lines of a write, one task with a limit; microseconds a point"""
    for lines in (1, 10, 100, 1000, 10_000):
        with Daemon(binary) as d:
            d.define([FROM + "|eval(lambda: 100.0 - \"usage_idle\").as('used')\n    |alert().crit(lambda: \"used\" > 99.0)"])
            ticks = max(1, min(200, 20 * lines) // (10 if quick else 1))
            d.measure(bodies(1000, 1, 1000), 1000, "alert3")
            yield lines, d.measure(bodies(1000, ticks, lines, 1), 1000 * ticks, "alert3")[0]


def by_cores(binary, quick):
    """Cores, one heavy task (a sliding window's percentile) in as many shards; thousand points a second"""
    for cores in ("0", "0,1"):
        with Daemon(binary, ["taskset", "-c", cores], "[[task-shards]]\n  task = \"*\"\n  shards = 0") as d:
            d.define([FROM + "|window().period(60s).every(10s)\n    |percentile('usage_idle', 95.0)\n    |alert().crit(lambda: \"percentile\" < 1.0)"])
            ticks = 50 if quick else 4000
            yield cores.count(",") + 1, d.measure(bodies(1000, ticks, 5000), 1000 * ticks, "window2")[1] / 1000


CURVES = {"tasks": by_tasks, "groups": by_groups, "writes": by_lines, "cores": by_cores}


def picture(title, unit, points):
    """The points in a drawing with two logarithmic scales."""
    width, height, left, bottom, top = 560, 300, 60, 40, 36
    low = lambda values: 10 ** math.floor(math.log10(min(values)))
    high = lambda values: 10 ** max(math.ceil(math.log10(max(values))), math.floor(math.log10(min(values))) + 1)
    (x0, x1), (y0, y1) = ((low(v), high(v)) for v in zip(*points))
    px = lambda x: left + (width - left - 20) * math.log(x / x0) / math.log(x1 / x0)
    py = lambda y: height - bottom - (height - bottom - top) * math.log(y / y0) / math.log(y1 / y0)
    decades = lambda a, b: [10 ** e for e in range(round(math.log10(a)), round(math.log10(b)) + 1)]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>', f'<text x="{left}" y="20" font-size="13">{title}</text>']
    for x in decades(x0, x1):
        out += [f'<path d="M{px(x):.1f} {top}V{height - bottom}" stroke="#ddd"/>',
                f'<text x="{px(x):.1f}" y="{height - bottom + 16}" text-anchor="middle">{x:,}</text>']
    for y in decades(y0, y1):
        out += [f'<path d="M{left} {py(y):.1f}H{width - 20}" stroke="#ddd"/>',
                f'<text x="{left - 6}" y="{py(y) + 4:.1f}" text-anchor="end">{y:g}</text>']
    line = "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in points)
    out.append(f'<path d="M{line}" fill="none" stroke="#06c" stroke-width="2"/>')
    for x, y in points:
        out += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3.5" fill="#06c"/>',
                f'<text x="{px(x):.1f}" y="{py(y) - 8:.1f}" text-anchor="middle">{y:.3g}</text>']
    out.append(f'<text x="{width - 20}" y="{height - 6}" text-anchor="end">{unit}</text></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--quick", action="store_true", help="few points: shows that it works, measures little")
    parser.add_argument("--only", choices=list(CURVES), action="append")
    parser.add_argument("--out", default="docs/curves")
    options = parser.parse_args()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    for name in options.only or CURVES:
        said = CURVES[name].__doc__
        what, unit = said.rsplit("; ", 1)
        points = list(CURVES[name](shutil.which(options.binary) or options.binary, options.quick))
        print(f"\n{what}\n\n| {name} | {unit} |\n|---:|---:|")
        print("\n".join(f"| {x:,} | {y:.3g} |" for x, y in points), flush=True)
        Path(options.out, f"{name}.svg").write_text(picture(f"{what}: {unit}", name, points))


if __name__ == "__main__":
    main()
