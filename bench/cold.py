#!/usr/bin/env python3
"""How much code runs between two writes that come 10 ms apart and each raise an alert that is posted.

    bench/cold.py target/release/kapacitord [--functions 40]

A daemon that slept finds its caches cold, so its latency is what it takes to fetch that code. Runs the daemon under
callgrind (Debian's package valgrind), which counts the same on any machine: instructions of a write, lines of 64 bytes
and pages of code that most writes touch, and the functions with the most lines.
"""
import argparse, collections, http.server, re, subprocess, tempfile, threading, time
from pathlib import Path

from curves import FROM, Daemon

WRITES = 400


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes alerts."""
    protocol_version, posts = "HTTP/1.1", 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        Receiver.posts += 1

    def log_message(self, *_):
        pass


def write(daemon, first, count):
    """Writes of a hundred lines, of which the last raises an alert."""
    hosts = [f"cpu,host=h{host:04d} " for host in range(100)]
    wanted = Receiver.posts + count
    for i in range(first, first + count):
        lines = [f"{key}seq={i}i,usage_user={99.5 if host == 99 else 10.5} {1700000000 + i}000000000\n" for host, key in enumerate(hosts)]
        daemon.send([["".join(lines).encode()]])
        time.sleep(0.01)
    until = time.monotonic() + 60
    while Receiver.posts < wanted:
        assert time.monotonic() < until, f"{wanted - Receiver.posts} alerts are missing"
        time.sleep(0.1)


def counted(profile):
    """Instruction addresses with their function and how often each ran. See callgrind's manual, "Profile data file format"."""
    names, counts, function, address, is_call = {}, collections.Counter(), "", 0, False
    owners = {}
    for line in profile.read_text().splitlines():
        if named := re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line):
            if named[2] is not None:
                names[named[1]] = named[2]
            if line.startswith("fn="):
                function = names[named[1]]
        elif line.startswith("calls="):
            is_call = True                                      # the next line is what the call cost as a whole
        elif place := re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) \S+ (\d+)$", line):
            step = place[1]
            address = int(step, 16) if step.startswith("0x") else address + (0 if step == "*" else int(step))
            if not is_call:
                counts[address] += int(place[2])
                owners[address] = function
            is_call = False
    return counts, owners


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary")
    options.add_argument("--functions", type=int, default=40)
    options = options.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile")
        callgrind = ["valgrind", "--quiet", "--tool=callgrind", "--dump-instr=yes", f"--callgrind-out-file={profile}"]
        with Daemon(options.binary, callgrind) as daemon:
            control = lambda verb: subprocess.run(["callgrind_control", verb, str(daemon.process.pid)], check=True, stdout=subprocess.DEVNULL)
            daemon.define([FROM + "|alert().id('{{ index .Tags \"host\" }}').message('{{ index .Fields \"seq\" }}')"
                           f".crit(lambda: \"usage_user\" > 99.0).noRecoveries().post('http://127.0.0.1:{server.server_port}/')"])
            write(daemon, 0, 100)
            time.sleep(2)
            control("-z")
            write(daemon, 100, WRITES)
            control("-d")
        counts, owners = counted(Path(f"{profile}.1"))
    run = [address for address, count in counts.items() if count >= WRITES * 0.4]
    lines = collections.defaultdict(set)
    for address in run:
        lines[owners[address]].add(address >> 6)
    print(f"{sum(counts.values()) / WRITES:,.0f} instructions a write; most writes touch {len({a >> 6 for a in run}):,} lines"
          f" and {len({a >> 12 for a in run}):,} pages of code, of {len(lines):,} functions\n\nlines  function")
    most = sorted(lines.items(), key=lambda item: -len(item[1]))[:options.functions]
    demangled = subprocess.run(["c++filt"], input="\n".join(name for name, _ in most), capture_output=True, text=True, check=True).stdout
    for (_, touched), name in zip(most, demangled.splitlines()):
        print(f"{len(touched):5}  {name[:140]}")


if __name__ == "__main__":
    main()
