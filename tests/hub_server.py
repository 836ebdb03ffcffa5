"""A small Hugging Face hub on this machine: repositories with commits, for uploads and downloads over HTTP."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """Server of repositories: files by commit, commits by branch; `requests` holds what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits, self.branches, self.requests = {}, {}, []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository, branch, files):
        former = self.commits.get(self.branches.get((repository, branch)), {})
        content = former | files
        name = hashlib.sha1(repr(sorted(content.items())).encode()).hexdigest()
        self.commits[name], self.branches[repository, branch] = content, name
        return name


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body=b"", status=200, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        length = self.headers.get("Content-Length")
        data = self.rfile.read(int(length)) if length else b"".join(self.chunks())
        self.server.requests.append(f"POST {self.path}")
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            values = json.loads(data)
            name = "/".join(filter(None, (values.get("organization"), values["name"])))
            self.server.commit(name, "main", {})
            return self.answer({"url": f"{self.server.url}/{name}"})
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        repository, action, branch = re.fullmatch(r"/api/models/(.+/.+)/(preupload|commit|branch)/(.+)", path).groups()
        if action == "branch":
            self.server.branches[repository, branch] = self.server.branches[repository, "main"]
            return self.answer({})
        if action == "preupload":
            files = json.loads(data)["files"]
            return self.answer(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        lines = [json.loads(line) for line in data.splitlines() if line]
        files = {v["value"]["path"]: base64.b64decode(v["value"]["content"]) for v in lines if v["key"] == "file"}
        name = self.server.commit(repository, branch, files)
        return self.answer({"commitUrl": f"{self.server.url}/{repository}/commit/{name}", "commitOid": name})

    def chunks(self):
        while size := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_GET(self):
        self.server.requests.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        if found := re.fullmatch(r"/(.+?/.+?)/resolve/(.+?)/(.+)", path):
            repository, revision, file = found.groups()
            name = self.server.branches.get((repository, revision), revision)
            if (repository, "main") not in self.server.branches:
                return self.answer(status=404, X_Error_Code="RepoNotFound")
            if name not in self.server.commits:
                return self.answer(status=404, X_Error_Code="RevisionNotFound")
            if file not in self.server.commits[name]:
                return self.answer(status=404, X_Error_Code="EntryNotFound", X_Repo_Commit=name)
            data = self.server.commits[name][file]
            etag = hashlib.sha256(data).hexdigest()
            return self.answer(data, ETag=f'"{etag}"', X_Repo_Commit=name)
        if found := re.fullmatch(r"/api/models/(.+?/[^/]+)(/revision/(.+))?", path):
            name = self.server.branches.get((found[1], found[3] or "main"), found[3])
            if name in self.server.commits:
                siblings = [{"rfilename": file} for file in self.server.commits[name]]
                return self.answer({"id": found[1], "sha": name, "siblings": siblings})
        return self.answer({"error": "not found"}, status=404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET
