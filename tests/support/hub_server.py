"""A stand-in for a model hub: the part of its protocol that huggingface_hub uses to push and fetch small files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_stand_in"


class Hub(ThreadingHTTPServer):
    """files: of each repository, by name. private: repositories that only the token's owner sees."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.fetched: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository: str) -> str:
        content = sorted((name, hashlib.sha1(data).hexdigest()) for name, data in self.files[repository].items())
        return hashlib.sha1(repr(content).encode()).hexdigest()


@contextmanager
def hub() -> Iterator[Hub]:
    """A running hub."""
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: Any) -> None:
        """Nothing on the terminal."""

    def reply(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def json(self, content: Any, status: int = 200) -> None:
        self.reply(json.dumps(content).encode(), status, Content_Type="application/json")

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.known:
            return self.json({"error": "Invalid username or password."}, 401)
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked.get("visibility") == "private" or asked.get("private"):
                self.server.private.add(name)
            self.server.files.setdefault(name, {})
            return self.json({"url": f"{self.server.address}/{name}"})
        if self.path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", self.path)
        assert match, self.path
        if match[2] == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self.json({"files": files})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.server.files[match[1]][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        commit = self.server.commit(match[1])
        address = f"{self.server.address}/{match[1]}/commit/{commit}"
        return self.json({"success": True, "commitOid": commit, "commitUrl": address})

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        name = (api or file or [None, ""])[1]
        if name not in self.server.files or (name in self.server.private and not self.known):
            return self.reply(b"", 401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        found, commit = self.server.files[name], self.server.commit(name)
        if api:
            siblings = [{"rfilename": key, "size": len(data)} for key, data in found.items()]
            return self.json({"id": name, "modelId": name, "sha": commit, "siblings": siblings})
        assert file
        if file[3] not in found:
            return self.reply(b"", 404, X_Error_Code="EntryNotFound")
        if self.command == "GET":
            self.server.fetched.append(file[3])
        etag = f'"{hashlib.sha1(found[file[3]]).hexdigest()}"'
        return self.reply(found[file[3]], ETag=etag, X_Repo_Commit=commit)

    do_HEAD = do_GET
