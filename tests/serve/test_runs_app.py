"""The server behind a real socket: what it answers, and what it refuses and outlives."""

from __future__ import annotations

import io
import json
import random
import socket
import string
import zlib
from typing import Any

import httpx
import pytest
from PIL import Image
from serving import Served

from layerscope.serve import uploads
from layerscope.serve.uploads import as_png


def png(width: int = 8, height: int = 8, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), 7 if mode == "L" else None).save(out, "png")
    return out.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""
    head = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    data = b"IDAT" + zlib.compress(b"\x00" * 1000)

    def chunk(body: bytes) -> bytes:
        return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)

    return b"\x89PNG\r\n\x1a\n" + chunk(head) + chunk(data) + chunk(b"IEND")


def test_runs_are_listed_with_their_accuracy(waiting_server: Served) -> None:
    state = httpx.get(f"{waiting_server.url}/api/state").json()
    found = {run["name"]: run for run in state["runs"]}["digit-cnn"]
    record = json.loads((waiting_server.runs / "digit-cnn" / "run.json").read_text())
    assert found["accuracy"] == record["results"]["test_accuracy"]
    assert found["state"] == "finished"
    assert "digit-mlp" in state["choices"]["models"]


def test_a_report_is_the_file_and_may_fetch_nothing(waiting_server: Served) -> None:
    assert httpx.get(f"{waiting_server.url}/runs/digit-cnn/report").status_code == 404
    page = waiting_server.runs / "digit-cnn" / "report.html"
    page.write_text("<title>mine</title>", encoding="utf-8")
    answer = httpx.get(f"{waiting_server.url}/runs/digit-cnn/report")
    assert answer.text == "<title>mine</title>"
    policy = answer.headers["content-security-policy"]
    assert "connect-src data: blob:;" in policy and "default-src 'none'" in policy
    # A link out of the folder is not followed.
    page.unlink()
    page.symlink_to(waiting_server.runs.parent / "secret.html")
    (waiting_server.runs.parent / "secret.html").write_text("secret", encoding="utf-8")
    assert httpx.get(f"{waiting_server.url}/runs/digit-cnn/report").status_code == 404
    page.unlink()


def test_events_tell_several_pages_of_a_job(waiting_server: Served) -> None:
    def read_until(lines: Any, state: str) -> dict[str, Any]:
        for line in lines:
            if line.startswith("data: "):
                jobs = json.loads(line[6:])["jobs"]
                if jobs and jobs[0]["state"] == state:
                    return jobs[0]
        raise AssertionError("the stream ended")

    url = waiting_server.url
    with (
        httpx.stream("GET", f"{url}/api/events") as one,
        httpx.stream("GET", f"{url}/api/events") as two,
    ):
        first, second = one.iter_lines(), two.iter_lines()
        answer = httpx.post(f"{url}/api/jobs", json={"kind": "train", "data": "digits"})
        assert answer.status_code == 201
        assert read_until(first, "running")["id"] == answer.json()["id"]
        assert read_until(second, "running")["title"] == "train compact on digits"
        assert httpx.post(f"{url}/api/jobs/{answer.json()['id']}/cancel").status_code == 204
        assert read_until(first, "cancelled") == read_until(second, "cancelled")
    again = httpx.post(f"{url}/api/jobs/{answer.json()['id']}/again")
    assert again.status_code == 201
    assert httpx.post(f"{url}/api/jobs/{again.json()['id']}/cancel").status_code == 204


def test_an_upload_is_decoded_and_written_anew(waiting_server: Served) -> None:
    out = io.BytesIO()
    photo = Image.new("RGB", (20, 10), (200, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a right angle
    exif[0x010E] = "where I live"
    photo.save(out, "jpeg", exif=exif)
    url = f"{waiting_server.url}/api/pictures?run=digit-cnn"
    image = {"content-type": "image/jpeg"}
    answer = httpx.post(url, content=out.getvalue(), headers=image)
    assert answer.status_code == 201, answer.text
    job = waiting_server.queue.home / answer.json()["id"]
    kept = (job / "picture.png").read_bytes()
    with Image.open(io.BytesIO(kept)) as found:
        assert found.size == (10, 20)
        assert not found.getexif()
    assert b"where I live" not in kept
    httpx.post(f"{waiting_server.url}/api/jobs/{job.name}/cancel")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_is_kept_as_it_looks(mode: str) -> None:
    image = Image.new("RGB", (6, 4), (250, 20, 20))
    image = Image.new("I;16", (6, 4), 40_000) if mode == "I;16" else image.convert(mode)
    out = io.BytesIO()
    image.save(out, "jpeg" if mode == "CMYK" else "png")
    with Image.open(io.BytesIO(as_png(out.getvalue()))) as found:
        shown, expected = found.convert("RGB"), image.convert("RGB")
        for a, b in zip(shown.getpixel((3, 2)), expected.getpixel((3, 2)), strict=True):
            assert abs(a - b) <= 3


def bad_requests(url: str, port: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Two hundred requests that none of our pages sends; the same ones each time."""
    draw = random.Random(7)
    chosen = "".join(string.printable)

    def text(n: int) -> str:
        return "".join(draw.choice(chosen) for _ in range(n))

    def value(depth: int = 0) -> Any:
        kinds = [
            lambda: draw.randint(-(10**20), 10**20), lambda: draw.uniform(-1e300, 1e300),
            lambda: text(draw.randint(0, 40)), lambda: None, lambda: draw.random() < 0.5,
            lambda: [value(depth + 1) for _ in range(draw.randint(0, 4))],
            lambda: {text(5): value(depth + 1) for _ in range(draw.randint(0, 4))},
        ]  # fmt: skip
        return draw.choice(kinds[:5] if depth > 3 else kinds)()

    jobs, json_type = f"{url}/api/jobs", {"content-type": "application/json"}
    image, pictures = {"content-type": "image/png"}, f"{url}/api/pictures?run=digit-cnn"
    found: list[tuple[str, str, dict[str, Any]]] = []
    for _ in range(60):  # bytes
        body = draw.randbytes(draw.randint(0, 300))
        found.append(("POST", jobs, {"content": body, "headers": json_type}))
    for _ in range(50):  # JSON of any kind in the fields that there are
        fields = ["kind", "data", "model", "seed", "settings", "run", "report", "quick", "picture"]
        body = {name: value() for name in draw.sample(fields, draw.randint(1, 6))}
        if draw.random() < 0.7:
            body["kind"] = draw.choice(["train", "look", "resume", "predict"])
        found.append(("POST", jobs, {"json": body}))
    train = {"kind": "train", "data": "digits"}
    settings = [
        {"epochs": "2"}, {"epochs": 2.5}, {"epochs": None}, {"widths": "8"}, {"no": 1},
        {"learning_rate": "fast"}, {"learning_rate": 1e9}, {"optimiser": "; rm -rf /"},
        {"batch_size": -1}, {"freeze": "a b"}, {"residual": "yes"}, {"widths": [[1]]},
    ]  # fmt: skip
    found += [("POST", jobs, {"json": {**train, "settings": one}}) for one in settings]
    for name in ("../x", "/etc/passwd", "file:///etc", "torchvision:resnet18", "own.py:make", ""):
        found.append(("POST", jobs, {"json": {**train, "data": name}}))
        found.append(("POST", jobs, {"json": {**train, "model": name}}))
        found.append(("POST", jobs, {"json": {"kind": "look", "run": name}}))
        found.append(("POST", f"{url}/api/pictures", {"params": {"run": name}, "content": png(),
                                                      "headers": image}))  # fmt: skip
    for path in (
        "/runs/../../etc/passwd/report", "/runs/%2e%2e%2fsecret/report", "/runs/.jobs/report",
        "/runs/..%5c..%5c/report", "/runs/%00/report", "/static/index.html", "/.git/config",
        "/api/jobs/..%2f..%2fdigit-cnn/log", "/api/jobs/20260101-000000-beef/picture", "//x",
        "/api/jobs/%2e%2e/log", "/runs/digit-cnn/run.json", "/runs/digit-cnn/report/../run.json",
        "/api/jobs/x/log?id=../..", "/docs", "/openapi.json",
    ):  # fmt: skip
        found.append(("GET", url + path, {}))
    for method, path in (
        ("PUT", "/api/jobs"), ("GET", "/api/jobs"), ("POST", "/"), ("DELETE", "/api/state"),
        ("TRACE", "/"), ("BREW", "/"), ("POST", "/api/events"), ("DELETE", "/api/jobs/x"),
        ("POST", "/api/jobs/x/cancel"), ("POST", "/api/jobs/x/again"), ("PATCH", "/runs/x/report"),
    ):  # fmt: skip
        found.append((method, url + path, {}))
    fine = {"json": train}
    for headers in (
        {"host": "evil.example"}, {"host": f"evil.example:{port}"}, {"host": "127.0.0.1:1"},
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": f"http://x:{port}"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"host": ""},
    ):  # fmt: skip
        found.append(("POST", jobs, {**fine, "headers": headers}))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        body = json.dumps(train).encode()
        found.append(("POST", jobs, {"content": body, "headers": {"content-type": kind}}))
    bodies = [
        b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, png()[:45], b"<svg/>", b"%PDF-1.4",
        claimed(100_000, 100_000), claimed(30_000, 30_000), claimed(7000, 7000), b"P6 9 9 255 ",
        b"\x80\x04\x95cos\nsystem\n", b"II*\x00" + b"\x00" * 99, zlib.compress(b"x" * 10**6),
    ]  # fmt: skip
    found += [("POST", pictures, {"content": body, "headers": image}) for body in bodies]
    found.append(("POST", pictures, {"content": png(), "headers": json_type}))
    found.append(("POST", f"{pictures}&to=train", {"content": png(), "headers": image}))
    found.append(("POST", jobs, {"content": b" " * 100_000, "headers": json_type}))
    found.append(("POST", jobs, {"content": b'{"a":' * 10_000, "headers": json_type}))
    return found


def test_two_hundred_bad_requests_are_each_answered_with_a_4xx(waiting_server: Served) -> None:
    url = waiting_server.url
    jobs = len(waiting_server.queue.views())
    asked = bad_requests(url, waiting_server.port)
    assert len(asked) >= 200
    with httpx.Client() as client:
        for method, address, options in asked:
            answer = client.request(method, address, **options)
            told = (method, address, options, answer.status_code, answer.text[:200])
            assert 400 <= answer.status_code < 500, told
            assert len(answer.text.strip()) > 10, told  # it says why
            assert "Traceback" not in answer.text, told
    assert httpx.get(f"{url}/api/state").status_code == 200
    assert len(waiting_server.queue.views()) == jobs


@pytest.mark.parametrize(
    ("kind", "status"), [("image/png", b"413"), ("text/plain", b"415")], ids=["long", "type"]
)
def test_whoever_sends_too_much_hears_why(kind: str, status: bytes, waiting_server: Served) -> None:
    """A connection that is closed over bytes nobody read takes the answer with it."""
    n = uploads.MOST_BYTES + 5_000_000
    head = (
        f"POST /api/pictures?run=digit-cnn HTTP/1.1\r\nHost: 127.0.0.1:{waiting_server.port}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {n}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", waiting_server.port), timeout=10) as sock:
        sock.sendall(head.encode() + b"\xff" * n)
        answer = b""
        while part := sock.recv(2000):  # to its end: a reset connection raises
            answer += part
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert len(json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]) > 10


def test_an_upload_without_end_is_cut_off(
    waiting_server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the length that is said nor the one that is sent goes beyond the bound."""
    url = f"{waiting_server.url}/api/pictures?run=digit-cnn"
    said = {"content-type": "image/png", "content-length": str(10**12)}
    head = "\r\n".join(f"{name}: {value}" for name, value in said.items())
    with socket.create_connection(("127.0.0.1", waiting_server.port)) as sock:
        host = f"Host: 127.0.0.1:{waiting_server.port}"
        path = "/api/pictures?run=digit-cnn"
        sock.sendall(f"POST {path} HTTP/1.1\r\n{host}\r\n{head}\r\n\r\n".encode())
        assert b"413" in sock.recv(1000)
    sent = 0

    def chunks() -> Any:
        nonlocal sent
        while sent < 4 * uploads.MOST_BYTES:
            sent += 1 << 20
            yield b"\x00" * (1 << 20)

    try:
        answer = httpx.post(url, content=chunks(), headers={"content-type": "image/png"})
        assert answer.status_code == 413
    except httpx.TransportError:  # closed while it was still sending
        pass
    assert sent < 4 * uploads.MOST_BYTES
    assert httpx.get(f"{waiting_server.url}/api/state").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
)
def test_what_is_no_request_of_a_browser_is_refused(waiting_server: Served, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", waiting_server.port), timeout=10) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.recv(2000)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert httpx.get(f"{waiting_server.url}/api/state").status_code == 200


def test_a_request_that_stops_in_the_middle_is_forgotten(waiting_server: Served) -> None:
    with socket.create_connection(("127.0.0.1", waiting_server.port)) as sock:
        sock.sendall(
            f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{waiting_server.port}\r\n"
            "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{".encode()
        )
    assert httpx.get(f"{waiting_server.url}/api/state").status_code == 200
