"""What the tests of data share: empty folders, and a server of our own that may answer badly."""

from __future__ import annotations

import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from armodels_lite.data import RemoteFile


@pytest.fixture
def here(tmp_path, monkeypatch):
    """ARMODELS_DATA and the user's cache as two empty folders."""
    import pooch

    named, cache = tmp_path / "named", tmp_path / "cache"
    named.mkdir()
    monkeypatch.setenv("ARMODELS_DATA", str(named))
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return named


def put_file(folder: Path, name: str, content: bytes) -> RemoteFile:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return RemoteFile(name, sha256(content).hexdigest(), len(content), ())


@pytest.fixture
def serve(here):
    """`serve(name, content, cut=None)` puts a file on our own server and describes it as the registry would.

    `cut` ends the answer after so many bytes although the header promises all.
    """
    answers: dict[str, tuple[bytes, int | None]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path not in answers:
                return self.send_error(404)
            content, cut = answers[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:cut])

        def log_message(self, *args):
            pass

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def put(name: str, content: bytes, cut: int | None = None) -> RemoteFile:
        answers[f"/{name}"] = (content, cut)
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        return RemoteFile(name, sha256(content).hexdigest(), len(content), (url,))

    put.asked = asked
    yield put
    server.shutdown()
    thread.join()
    server.server_close()
