"""An upstream that misbehaves as its script says: raw bytes over a socket."""

import json
import socket
import struct
import threading
import time


class ScriptedUpstream:
    """Serves every connection with `script(connection, request_bytes)`."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.script = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                self.script(connection, read_request(connection))
        except OSError:
            pass

    def close(self):
        self.listener.close()


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n")
         if line.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def whole(body, status=200, kind="application/json", length=None):
    """A script that answers in one piece."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def script(connection, _):
        connection.sendall(
            f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(data) if length is None else length}\r\n\r\n".encode() + data)

    return script


def stream(events, ends=True, pause=0):
    """A script that sends server-sent events in chunks, and ends properly or breaks off."""

    def script(connection, _):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n")
        for event in events:
            data = event if isinstance(event, bytes) else event.encode()
            connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(pause)
        if ends:
            connection.sendall(b"0\r\n\r\n")

    return script


def hang(connection, _):
    time.sleep(30)


def reset(connection, _):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def data(value):
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def event(kind, **fields):
    return f"event: {kind}\n" + data({"type": kind, **fields})


def chunk(text=None, finish=None, **more):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return data({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [choice], **more})


def usage_chunk(usage):
    return data({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [], "usage": usage})


def completion(usage, text="Two words"):
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    return {**answer, "usage": usage} if usage is not None else answer


USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
MESSAGE_START = event("message_start", message={
    "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
    "stop_reason": None, "usage": {"input_tokens": 20, "output_tokens": 1}})
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})


def text_delta(text):
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def message_end(output_tokens=10, **usage):
    return (event("content_block_stop", index=0)
            + event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
                    usage={"output_tokens": output_tokens, **usage})
            + event("message_stop"))
