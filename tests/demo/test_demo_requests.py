"""What the server of `vqatune demo` gives to requests that its page would not make."""

import json
import re
import socket
import time

import pytest
import requests
from starlette.testclient import TestClient

from vqatune.demo.gate import Gate
from vqatune.demo.uploads import FULL, Room


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "params.yaml", "{root}/data/test.parquet", "{root}/models/base/config.json", "{root}"],
)
def test_no_other_file_is_served(server, demo_root, path):
    for prefix in ("/gradio_api/file=", "/file=", "/gradio_api/file/", "/static/", "/assets/../"):
        answer = requests.get(f"{server.address}{prefix}{path.format(root=demo_root)}", timeout=120)
        assert answer.status_code in (403, 404), prefix
        assert b"root:" not in answer.content and b"PAR1" not in answer.content


def _send(server, upload: dict) -> str:
    """Send an upload's description as the page does, and return all that comes back."""
    config = requests.get(f"{server.address}/config", timeout=120).json()
    [number] = [
        place["id"]
        for place in config["dependencies"]
        if [kind for _, kind in place["targets"]] == ["upload"]
    ]
    session = {"session_hash": "abc"}
    joined = requests.post(
        f"{server.address}/gradio_api/queue/join",
        json=session | {"data": [upload | {"meta": {"_type": "gradio.FileData"}}], "fn_index": number},
        timeout=120,
    )
    assert joined.status_code == 200
    return requests.get(f"{server.address}/gradio_api/queue/data", params=session, timeout=120).text


def test_a_request_cannot_make_the_server_fetch_or_open_what_was_not_uploaded(
    server, demo_root, tmp_path, picture
):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/picture.png"
        for upload in ({"path": address}, {"path": address, "url": address}):
            assert '"success":false' in _send(server, upload)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    (tmp_path / "picture.jpg").write_bytes(picture)
    for path in (tmp_path / "picture.jpg", demo_root / "models/base/config.json", "/etc/passwd"):
        assert '"success":false' in _send(server, {"path": str(path)})
    answer = _send(server, {"path": _sent(server, picture)})
    assert '"success":true' in answer


def _sent(server, content: bytes) -> str:
    answer = requests.post(
        f"{server.address}/gradio_api/upload", files={"files": ("picture.jpg", content)}, timeout=120
    )
    return answer.json()[0]


def test_a_request_of_more_than_a_picture_is_refused_before_it_is_read(server):
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 300000000\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_no_other_site_may_show_the_page_within_its_own(server):
    answer = requests.get(server.address, timeout=120)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"


def test_the_page_names_no_other_machine(server):
    html = requests.get(server.address, timeout=120).text
    config = requests.get(f"{server.address}/config", timeout=120).json()
    assert config["analytics_enabled"] is False
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="https?://', html)
    assert not re.search(r"url\(.?https?://", json.dumps(config) + html)


def test_a_page_that_is_closed_while_it_sends_something_is_nothing_to_speak_of(server):
    said = server.said.read_text()
    host = server.address.removeprefix("http://")
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    begun = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\nabc'
    with socket.create_connection(host.split(":")) as connection:
        connection.sendall((head + begun).encode())
        time.sleep(0.3)
    # The server has noticed, some time before this.
    time.sleep(0.5)
    assert requests.get(f"{server.address}/config", timeout=120).status_code == 200
    assert server.said.read_text() == said


def test_an_upload_that_there_is_no_room_for_is_refused_in_a_line(tmp_path):
    application = Gate(
        lambda scope, receive, send: pytest.fail("it was passed on"), None, Room(tmp_path, 10, 0)
    )
    client = TestClient(application, base_url="http://127.0.0.1")
    answer = client.post("/gradio_api/upload", files={"files": ("picture.jpg", b"abc")})
    assert (answer.status_code, answer.content) == (507, FULL)
