"""Counts the instructions that a call takes; called by benchmarks/instructions."""

import argparse
import collections
import os
import pathlib
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time

from figures import write

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/acceptance"))

# The server runs under valgrind, which collects nothing before it is told; commands run bare.
WRAPPER = """#!/bin/sh
[ "$1" = serve ] || exec "{binary}" "$@"
exec valgrind -q --tool=callgrind --separate-threads=yes --instr-atstart=no \\
    --callgrind-out-file={folder}/profile "{binary}" "$@"
"""


def call_of(url, key, body):
    """A whole request."""
    host = url.removeprefix("http://")
    return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {key}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}").encode()


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return len(body) >= int(re.search(rb"content-length: (\d+)", head)[1])


def load(url, request, connections, calls):
    """Makes so many calls on each of the connections, one after the other."""
    host, port = url.removeprefix("http://").split(":")
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            client = socket.create_connection((host, int(port)))
            client.sendall(request)
            selector.register(client, selectors.EVENT_READ, [calls, b""])
        while selector.get_map():
            ready = selector.select(120)
            assert ready, "no answer within two minutes"
            for entry, _ in ready:
                piece = entry.fileobj.recv(1 << 16)
                assert piece, "a connection was closed"
                entry.data[1] += piece
                if not is_whole(entry.data[1]):
                    continue
                entry.data[0] -= 1
                entry.data[1] = b""
                if entry.data[0]:
                    entry.fileobj.sendall(request)
                else:
                    selector.unregister(entry.fileobj)
                    entry.fileobj.close()


class Profile:
    """One thread's instructions: of each function itself, and with all that it calls."""

    def __init__(self, path):
        self.own = collections.Counter()
        self.inclusive = collections.Counter()
        self.library = {}
        names, libraries = {}, {}
        function = library = called = None
        is_call = False
        for line in path.read_text(errors="replace").splitlines():
            named = re.match(r"(c?)(fn|ob)=\((\d+)\)(?: (.*))?$", line)
            if named:
                known = names if named[2] == "fn" else libraries
                if named[4]:
                    known[named[3]] = named[4]
                value = known[named[3]]
                if named[1]:
                    called = value if named[2] == "fn" else called
                elif named[2] == "fn":
                    function = value
                    self.library.setdefault(function, library)
                else:
                    library = pathlib.Path(value).name
            elif line.startswith("calls="):
                is_call = True
            elif re.match(r"[\d+*-]", line):
                count = int(line.split()[1])
                if not is_call:
                    self.own[function] += count
                if not is_call or called != function:
                    self.inclusive[function] += count
                is_call = False
        self.total = sum(self.own.values())


def readable(names):
    """Swift's names as people write them."""
    # callgrind tells levels of a recursion apart by a suffix.
    text = "\n".join(re.sub(r"'\d+$", "", name) for name in names)
    done = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input=text,
                          capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else text.splitlines()


def control(pid, *arguments):
    subprocess.run(["callgrind_control", *arguments, str(pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(options, folder):
    """The profiles of all threads, those that did most first."""
    wrapper = folder / "farebox"
    wrapper.write_text(WRAPPER.format(binary=os.environ["FAREBOX_BINARY"], folder=folder))
    wrapper.chmod(0o755)
    os.environ["FAREBOX_BINARY"] = str(wrapper)
    from peers import request_of, static_upstream
    from systems import Farebox

    upstream = static_upstream(folder)
    farebox = Farebox(folder, upstream, "--loops", "1")
    try:
        request = call_of(farebox.url, farebox.key, request_of(1024))
        pid = farebox.pids[0]
        load(farebox.url, request, options.connections, 10)
        control(pid, "-i", "on")
        load(farebox.url, request, options.connections, 2)
        control(pid, "-z")
        load(farebox.url, request, options.connections, options.calls)
        # Shipping what was acknowledged belongs to the calls.
        time.sleep(1)
        control(pid, "-d")
        control(pid, "-i", "off")
        farebox.check()
    finally:
        farebox.end()
        upstream.end()
    profiles = [Profile(path) for path in folder.glob("profile.1-*")]
    return sorted(profiles, key=lambda profile: -profile.total)


def report(options, profiles):
    calls = options.connections * options.calls
    loop = profiles[0]
    print(f"Instructions of a call, {options.connections} connections, {calls} calls\n")
    print(f"{sum(profile.total for profile in profiles) // calls:10}  all threads")
    print(f"{loop.total // calls:10}  the event loop, of that:")
    libraries = collections.Counter()
    for function, count in loop.own.items():
        libraries[loop.library[function] or "?"] += count
    for name, count in libraries.most_common(5):
        print(f"{count // calls:14}  {name}")
    for title, counts in ("themselves", loop.own), ("with what they call", loop.inclusive):
        most = counts.most_common(options.functions)
        print(f"\nFunctions of the loop {title}")
        for (_, count), name in zip(most, readable(name for name, _ in most)):
            print(f"{count // calls:10}  {name[:110]}")
    write(options.output, {"calls": calls, "loop": loop.total / calls,
                           "all": sum(profile.total for profile in profiles) / calls,
                           "libraries": {name: n / calls for name, n in libraries.items()}})


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--calls", type=int, default=40, help="on each connection")
    options.add_argument("--functions", type=int, default=25, help="how many to name")
    options.add_argument("--quick", action="store_true", help="few calls: that it runs")
    options.add_argument("--output", default="benchmarks/instructions.json")
    options = options.parse_args()
    if options.quick:
        options.connections, options.calls = 8, 10
    folder = pathlib.Path(os.environ["FAREBOX_TEST_CLUSTER"]).parent / "scratch"
    folder.mkdir()
    try:
        report(options, measure(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
