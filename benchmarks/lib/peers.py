"""The upstream that every system under test calls, and the systems that Farebox is held against."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

PLACES = "/usr/sbin:/usr/bin:/sbin:/bin"
LIB = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process, seconds=60):
    """Waits until the process answers connections."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, f"{process.args[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{process.args[0]} does not listen"
            time.sleep(0.05)


def await_answer(peer, seconds=60):
    """Waits until a call is answered as it should be."""
    call = urllib.request.Request(
        f"{peer.url}/v1/chat/completions", data=request_of(1024).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {peer.key}"})
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(call, timeout=30) as answer:
                return answer.read()
        except OSError:
            assert time.monotonic() < deadline, f"{peer.url} does not answer"
            time.sleep(0.1)


class Peer:
    """A process that takes calls on a port of its own."""

    def __init__(self, command, port, seconds=60, log=None, key="none", **more):
        self.port, self.key = port, key
        self.url = f"http://127.0.0.1:{port}"
        output = open(log, "wb") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, **more)
        try:
            await_port(port, self.process, seconds)
        except BaseException:
            self.end()
            raise

    @property
    def pids(self):
        return [self.process.pid]

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nginx(folder, name, port, http):
    """An nginx of one worker, with what stands in its http block."""
    home = pathlib.Path(folder) / name
    home.mkdir()
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(f"""
        user root; worker_processes 1; pid {home}/pid; error_log stderr error; daemon off;
        worker_rlimit_nofile 20000;
        events {{ worker_connections 19900; }}
        http {{
            access_log off; keepalive_requests 1000000000; client_max_body_size 8m;
            client_body_buffer_size 1m; {temporary}
            {http}
        }}""")
    command = [shutil.which("nginx", path=PLACES), "-c", home / "nginx.conf"]
    return Peer(command, port, log=home / "log")


def nginx_proxy(folder, upstream, name="nginx"):
    """proxy_pass with connections kept, and bytes passed on as they come."""
    port = free_port()
    return nginx(folder, name, port, f"""
        upstream kept {{
            server 127.0.0.1:{upstream.port}; keepalive 4096; keepalive_requests 1000000000;
        }}
        server {{
            listen 127.0.0.1:{port} reuseport backlog=4096;
            location / {{
                proxy_pass http://kept; proxy_http_version 1.1;
                proxy_set_header Connection ""; proxy_read_timeout 600s;
                proxy_buffering off; proxy_request_buffering off;
            }}
        }}""")


def haproxy(folder, upstream):
    """A haproxy of one thread, with connections kept."""
    port = free_port()
    home = pathlib.Path(folder) / "haproxy"
    home.mkdir()
    (home / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    http-reuse always
frontend calls
    bind 127.0.0.1:{port} backlog 4096
    default_backend upstream
backend upstream
    server only 127.0.0.1:{upstream.port}
""")
    return Peer([shutil.which("haproxy", path=PLACES), "-f", home / "haproxy.cfg"], port,
                log=home / "log")


def litellm(folder, upstream, programs):
    """LiteLLM's proxy without a database: one key is checked, nothing is held and nothing kept."""
    port, key = free_port(), "sk-" + "0123456789abcdef" * 4
    home = pathlib.Path(folder) / "litellm"
    home.mkdir()
    # JSON is YAML.
    (home / "config.yaml").write_text(json.dumps({
        "general_settings": {"master_key": key},
        "model_list": [{"model_name": "demo-small", "litellm_params": {
            "model": "openai/demo-small", "api_base": f"{upstream.url}/v1", "api_key": "none"}}]}))
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    return Peer([programs / "litellm", "--config", home / "config.yaml", "--host", "127.0.0.1",
                 "--port", port, "--num_workers", 1, "--telemetry", "False"], port, seconds=120,
                log=home / "log", key=key, env=environment)


def smg(folder, upstream, programs):
    """The gateway in Rust before one upstream of OpenAI's format: no key is checked, nothing
    is held and nothing kept."""
    port = free_port()
    peer = Peer([programs / "smg", "launch", "--host", "127.0.0.1", "--port", port,
                 "--prometheus-port", free_port(), "--backend", "openai", "--log-level", "error",
                 "--worker-urls", upstream.url], port, seconds=120,
                log=pathlib.Path(folder) / "smg.log")
    # It listens before it has found its upstream.
    await_answer(peer)
    return peer


class PacedUpstream(Peer):
    """Streams whose chunks say when they were sent; see paced_upstream.py."""

    def __init__(self, interval, chunks=0):
        port = free_port()
        super().__init__([sys.executable, "-B", LIB / "paced_upstream.py", port, interval, chunks],
                         port)

    def finish(self):
        """Ends the streams that run until they are told."""
        with urllib.request.urlopen(f"{self.url}/finish", timeout=60) as answer:
            answer.read()

    def sent(self):
        """Chunks sent so far."""
        with urllib.request.urlopen(f"{self.url}/sent", timeout=60) as answer:
            return int(answer.read())


ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "demo-small",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ""},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
}


def answer_of(length):
    """A whole answer of about so many bytes."""
    answer = json.loads(json.dumps(ANSWER))
    answer["choices"][0]["message"]["content"] = "x" * max(0, length - len(json.dumps(ANSWER)))
    return json.dumps(answer)


def chunk_of(content, finish=None):
    """One event of a stream, of the size that providers send for a token."""
    return "data: " + json.dumps({
        "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion.chunk",
        "created": 1, "model": "demo-small", "service_tier": "default",
        "system_fingerprint": None,
        "choices": [{"index": 0, "delta": {"content": content}, "logprobs": None,
                     "finish_reason": finish}]}) + "\n\n"


def stream_end():
    """The finish, the usage and the end marker."""
    usage = {"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion.chunk",
             "created": 1, "model": "demo-small", "choices": [], "usage": ANSWER["usage"]}
    return chunk_of("", "stop") + f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n"


def request_of(length, stream=False, messages=False, output=256):
    """A request of about so many bytes."""
    body = {"model": "demo-small", "max_tokens": output,
            "messages": [{"role": "user", "content": ""}]}
    if stream:
        body["stream"] = True
        if not messages:
            body["stream_options"] = {"include_usage": True}
    content = "word " * (max(0, length - len(json.dumps(body))) // 5) or "word"
    body["messages"][0]["content"] = content
    return json.dumps(body)


def static_upstream(folder, length=1024, words=100):
    """An nginx that answers at once: a whole answer, and a stream of so many chunks in one piece."""
    port = free_port()
    root = pathlib.Path(folder) / "answers"
    (root / "v1").mkdir(parents=True)
    (root / "v1/whole").write_text(answer_of(length))
    (root / "v1/stream").write_text(
        "".join(chunk_of("word ") for _ in range(words)) + stream_end())
    # POST to a static file is 405, which may be answered by the file. The request's body tells
    # whether a stream is wanted, but nginx does not look into it: the port does.
    stream_port = free_port()
    servers = "".join(f"""
        server {{
            listen 127.0.0.1:{where} reuseport backlog=4096; root {root}; error_page 405 =200 $uri;
            location / {{ rewrite ^ /v1/{name} last; }}
            location = /v1/{name} {{ types {{ }} default_type {kind}; }}
        }}""" for where, name, kind in (
        (port, "whole", "application/json"), (stream_port, "stream", "text/event-stream")))
    upstream = nginx(folder, f"upstream-{port}", port, f"open_file_cache max=8; {servers}")
    upstream.stream_port = stream_port
    return upstream
