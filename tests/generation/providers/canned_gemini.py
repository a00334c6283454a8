"""A Gemini of one's own: a server that gives canned answers and remembers what it was asked, and the real bodies."""

import asyncio
import base64
import json
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vqatune.generation.prompts.prompt import load_prompt
from vqatune.generation.providers import load_provider
from vqatune.params import GenerateParams

KEY = "AIzaSy-not-a-real-key-0123456789"
IMAGE = b"\xff\xd8\xff\xe0 a picture"
LISTING = '<listing>\n{"language": "de_DE"}\n</listing>'
SDKS = ["gemini", "gemini_legacy"]
PATH = "/v1beta/models/gemini-test:generateContent"

REPLY = {
    "candidates": [
        {
            "content": {
                "parts": [{"text": "I look.", "thought": True}, {"text": '{"qa_'}, {"text": 'pairs": []}'}],
                "role": "model",
            },
            "finishReason": "STOP",
            "novelty": [1, {"of": "2030"}],
        }
    ],
    "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 40, "thoughtsTokenCount": 5},
    "modelVersion": "gemini-test",
}


def error(code, status, message="no", *details):
    return code, {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def violation(quota, value=None):
    given = {"quotaMetric": "generativelanguage.googleapis.com/x", "quotaId": quota}
    given |= {"quotaDimensions": {"location": "global", "model": "gemini-test"}}
    return given | ({} if value is None else {"quotaValue": value})


def quota_failure(*violations):
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}


def retry_info(delay):
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def reason(text):
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": text, "domain": "googleapis.com"}


class Handler(BaseHTTPRequestHandler):
    """Gives the next of `server.plan`, and a good reply after that."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        server, body = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.asked.append((self.path, self.headers, json.loads(body)))
            answer = server.plan.pop(0) if server.plan else (200, REPLY)
        self.close_connection = isinstance(answer, str)
        if answer == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Only the last of the three that hold the socket closes it.
            for holder in (self.rfile, self.wfile, self.connection):
                holder.close()
        elif answer == "gibberish":
            self.wfile.write(b"\0\1\2 hello\r\n\r\n")
        elif answer == "hang":
            server.ended.wait()
        elif answer == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            while not server.ended.wait(0.02):
                self.wfile.write(b" ")
        elif answer == "cut":
            self.answer(200, b'{"candidates": [', {"Content-Length": "500"})
        else:
            self.answer(*answer)

    def answer(self, status, content, headers=()):
        if self.server.together:
            self.server.together.wait(10)
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {"Content-Length": str(len(content)), "Content-Type": "application/json"}
        self.send_response(status)
        for name, value in (given | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.asked, self.plan, self.together = [], [], None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), (OSError, ValueError)):
            super().handle_error(request, client_address)


def make_params(endpoint, sdk="gemini", **changes):
    given = {
        "provider": sdk,
        "path": None,
        "model": "gemini-test",
        "endpoint": endpoint,
        "timeout_seconds": 5,
    }
    return GenerateParams(**given | changes)


def make_prompt(form="schema"):
    return load_prompt("varied-v1", form)


async def ask_all(params, count=1, image=IMAGE, key=KEY, form="schema"):
    """Asks so many times at once; returns the replies and what was raised."""
    async with load_provider(params.provider).connect(params, None) as ask:
        asked = [ask(image, LISTING, make_prompt(form), key) for _ in range(count)]
        return await asyncio.gather(*asked, return_exceptions=True)


def ask(params, **options):
    """Asks once; returns the reply or what was raised."""
    return asyncio.run(ask_all(params, **options))[0]


def image_of(body):
    """Returns the picture in a request, with its type; the SDKs spell both in their own way."""
    sent = body["contents"][0]["parts"][0]["inlineData"]
    data = sent["data"].replace("+", "-").replace("/", "_")
    return sent.get("mimeType") or sent.get("mime_type"), base64.urlsafe_b64decode(data)
