"""A stand-in for the Hugging Face Hub: what huggingface_hub asks of it to make a repository and commit files."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_good"
LFS = (".safetensors", ".whl")


@dataclass
class Repo:
    visibility: str
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


class Hub(ThreadingHTTPServer):
    """Its repositories by kind and name, what it was asked, and the answers it still has to give instead of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}  # by SHA-256
        self.asked: list[str] = []
        self.instead: dict[str, list[int]] = {}  # statuses, by the end of a path
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        statuses = next((of for end, of in self.server.instead.items() if path.endswith(end) and of), None)
        if statuses:
            self.say(statuses.pop(0), {"error": "as the test wants it"})
        elif path.startswith("/stored/"):
            self.server.stored[path.removeprefix("/stored/")] = body
            self.say(200, {})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.say(401, {"error": "Invalid username or password."})
        else:
            self.say(*self.reply(path, body))

    def reply(self, path: str, body: bytes) -> tuple[int, Any]:
        match path.strip("/").split("/"):
            case ["api", "repos", "create"]:
                return self.create(json.loads(body))
            case ["api", "validate-yaml"]:
                return 200, {"errors": [], "warnings": []}
            case ["api", kinds, user, name] | ["api", kinds, user, name, "revision", "main"]:
                return self.tell(f"{kinds}/{user}/{name}")
            case ["api", kinds, user, name, "preupload", "main"]:
                return 200, {"files": [self.mode(f"{kinds}/{user}/{name}", one) for one in json.loads(body)["files"]]}
            case ["api", kinds, user, name, "commit", "main"]:
                return self.commit(f"{kinds}/{user}/{name}", body)
            case [*_, "info", "lfs", "objects", "batch"]:
                return 200, {"transfer": "basic", "objects": [self.place(one) for one in json.loads(body)["objects"]]}
        return 404, {"error": f"no {path}"}

    def create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        key = f"{wanted['type']}s/{name}"
        url = f"{self.server.url}/{'spaces/' if wanted['type'] == 'space' else ''}{name}"
        if key in self.server.repos:
            return 409, {"error": "You already created this repo", "url": url}
        self.server.repos[key] = Repo(wanted.get("visibility", "public"))
        return 200, {"url": url, "name": name}

    def tell(self, key: str) -> tuple[int, Any]:
        repo = self.server.repos.get(key)
        if repo is None:
            return 404, {"error": "Repository not found"}
        return 200, {"id": key.partition("/")[2], "private": repo.visibility == "private", "sha": f"{repo.commits:040}"}

    def mode(self, key: str, one: dict[str, Any]) -> dict[str, Any]:
        path, there = one["path"], self.server.repos[key].files.get(one["path"])
        is_lfs = path.endswith(LFS)
        oid = None
        if there is not None:
            git = b"blob %d\0" % len(there) + there
            oid = hashlib.sha256(there).hexdigest() if is_lfs else hashlib.sha1(git).hexdigest()
        return {"path": path, "uploadMode": "lfs" if is_lfs else "regular", "shouldIgnore": False, "oid": oid}

    def place(self, one: dict[str, Any]) -> dict[str, Any]:
        found = {"oid": one["oid"], "size": one["size"]}
        if one["oid"] in self.server.stored:
            return found
        return found | {"actions": {"upload": {"href": f"{self.server.url}/stored/{one['oid']}"}}}

    def commit(self, key: str, body: bytes) -> tuple[int, Any]:
        repo = self.server.repos[key]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.stored[value["oid"]]
        repo.commits += 1
        oid = f"{repo.commits:040}"
        url = f"{self.server.url}/{key.removeprefix('models/')}/commit/{oid}"
        return 200, {"commitUrl": url, "commitOid": oid, "success": True}

    def say(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def running() -> Iterator[Hub]:
    """A Hub that answers while the context lasts."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
