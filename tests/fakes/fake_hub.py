"""A hub on the loopback address with the endpoints that huggingface_hub's uploads call; its repositories are in memory."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_of_a_test"


@dataclass
class FakeHub:
    """What the hub holds and has been asked."""

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Repository, such as models/me/blip → path → content."""
    private: dict[str, bool] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    """Of the commits."""
    asked: list[str] = field(default_factory=list)
    """Methods and paths, in order."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files by their SHA-256."""
    large: tuple[str, ...] = ()
    """The ends of the names of files that are taken as large ones."""
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    """A part of a path → the status and the message that requests to it get."""

    def reply(self, method: str, path: str, body: bytes, token: str) -> tuple[int, dict | list]:
        """Return the status and the content that a request gets."""
        for part, (status, said) in self.refusals.items():
            if part in path:
                return status, {"error": said}
        if path.startswith("/stored/"):
            self.stored[path.removeprefix("/stored/")] = body
            return 200, {}
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        if path == "/api/whoami-v2":
            return 200, {"name": "me", "type": "user", "auth": {"type": "access_token"}}
        if path == "/api/validate-yaml":
            return 200, {"warnings": []}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if re.fullmatch(r"/(?:datasets/)?\w+/[\w.-]+\.git/info/lfs/objects/batch", path):
            return 200, self._batch(json.loads(body)["objects"])
        found = re.fullmatch(
            r"/api/((?:models|datasets)/\w+/[\w.-]+)/(tree|preupload|commit|revision)/main", path
        )
        if found and found[1] in self.files:
            return 200, getattr(self, f"_{found[2]}")(found[1], body)
        return 404, {"error": "Repository not found"}

    def _create(self, wanted: dict) -> tuple[int, dict]:
        repo = f"{wanted.get('type', 'model')}s/{wanted['organization']}/{wanted['name']}"
        said = {"url": f"{self.url}/{repo.removeprefix('models/')}"}
        if repo in self.files:
            return 409, said | {"error": "You already created this repo"}
        self.files[repo] = {".gitattributes": b""}
        self.private[repo] = wanted.get("visibility") == "private"
        return 200, said

    def _revision(self, repo: str, body: bytes) -> dict:
        return {"id": repo.split("/", 1)[1], "sha": "0" * 40, "siblings": [], "tags": [], "private": False}

    def _tree(self, repo: str, body: bytes) -> list:
        held = self.files[repo].items()
        return [{"type": "file", "path": path, "size": len(content), "oid": "0"} for path, content in held]

    def _preupload(self, repo: str, body: bytes) -> dict:
        listed = []
        for file in json.loads(body)["files"]:
            held = self.files[repo].get(file["path"])
            large = file["path"].endswith(self.large) if self.large else False
            oid = None if held is None else (_sha256(held) if large else _git_oid(held))
            listed.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": False,
                    "oid": oid,
                }
            )
        return {"files": listed}

    def _commit(self, repo: str, body: bytes) -> dict:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                self.messages.append(value["summary"])
            elif entry["key"] == "file":
                self.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.files[repo][value["path"]] = self.stored[value["oid"]]
            elif entry["key"] == "deletedFile":
                del self.files[repo][value["path"]]
        return {"commitUrl": f"{self.url}/{repo}/commit/{'0' * 40}", "commitOid": "0" * 40}

    def _batch(self, objects: list[dict]) -> dict:
        listed = []
        for each in objects:
            upload = {"upload": {"href": f"{self.url}/stored/{each['oid']}"}}
            actions = {} if each["oid"] in self.stored else {"actions": upload}
            listed.append({"oid": each["oid"], "size": each["size"], **actions})
        return {"transfer": "basic", "objects": listed}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """Serve a hub while the block runs."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.split("?")[0]
            hub.asked.append(f"{self.command} {path}")
            status, said = hub.reply(self.command, path, body, self.headers.get("Authorization", ""))
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status >= 400:
                self.send_header("X-Error-Message", said["error"])
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    # It looks every so many seconds whether it is to end.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
