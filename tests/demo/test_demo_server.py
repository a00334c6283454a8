import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from warm import RUN, Warm

DEMO = """
import tempfile
from vqatune.cli import main
# The warm process has looked for it already.
tempfile.tempdir = None
main(["demo", "--port", "0"])
"""


def test_without_gradio_one_line_says_how_to_get_it(vqatune, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert vqatune("demo").error == "the demo needs Gradio, which is not installed: pip install -e '.[demo]'"


def _needs_gradio() -> None:
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed: pip install -e '.[demo]'")


def test_without_versions_one_line_says_where_they_come_from(vqatune, tmp_path):
    _needs_gradio()
    assert "models does not exist" in vqatune("demo").error
    (tmp_path / "models").mkdir()
    assert "models holds no" in vqatune("demo").error


def test_a_version_that_cannot_be_loaded_is_named_before_the_page_is_there(vqatune, tmp_path, demo_root):
    _needs_gradio()
    shutil.copytree(demo_root / "models", tmp_path / "models")
    (tmp_path / "models" / "v2" / "adapter_model.safetensors").unlink()
    assert "v2" in vqatune("demo", "--port", "0").error


def test_a_port_that_is_taken_is_named(vqatune, demo_root):
    _needs_gradio()
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        error = vqatune("demo", "--models", demo_root / "models", "--port", port).error
    assert error.startswith(f"port {port} of this machine cannot be used") and "--port" in error
    assert "no port 70000" in vqatune("demo", "--models", demo_root / "models", "--port", "70000").error


@pytest.mark.slow
def test_ctrl_c_ends_it_well_and_leaves_nothing_behind(demo_root, tmp_path, warm_server):
    _needs_gradio()
    (tmp_path / "demo.py").write_text(DEMO)
    server = Warm(
        warm_server,
        [*RUN, str(tmp_path / "demo.py")],
        cwd=demo_root,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = server.stdout.readline()
    assert line.startswith("http://127.0.0.1:") and "base, v1, v2" in line
    address = line.split()[0]
    assert list(tmp_path.glob("vqatune-demo-*"))
    with closing(socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert visitor.recv(100).startswith(b"HTTP/1.1 200")
        server.send_signal(signal.SIGINT)
        said, complaints = server.communicate(timeout=120)
    assert server.returncode == 130
    assert (said, complaints) == ("", "stopped\n")
    assert not list(tmp_path.glob("vqatune-demo-*"))


@pytest.mark.parametrize(
    ("host", "origin", "path", "welcome"),
    [
        ("127.0.0.1:7860", None, "/", True),
        ("localhost:7860", "http://localhost:7860", "/gradio_api/queue/join", True),
        ("shop.example:7860", None, "/", False),
        ("127.0.0.1:7860", "http://shop.example", "/gradio_api/upload", False),
        ("127.0.0.1:7860", "null", "/gradio_api/upload", False),
        ("127.0.0.1:7860", "http://127.0.0.1:9999", "/gradio_api/upload", False),
        ("127.0.0.1:7860", None, "/gradio_api/file=http://10.0.0.1/secret", False),
        ("127.0.0.1:7860", None, "/gradio_api/proxy=https://x.hf.space/", False),
        ("127.0.0.1:7860", None, "/gradio_api/file=/uploads/a.png", True),
        ("", None, "/", False),
    ],
)
def test_only_the_pages_own_requests_are_let_through(host, origin, path, welcome):
    status, reached, _ = _pass_gate(None, path, host=host, **({"origin": origin} if origin else {}))
    assert reached == welcome and status == (None if welcome else 403)


def _pass_gate(token, path, query="", gate=None, **headers):
    """Return the status of a refusal, whether the request came through, and the cookie that was set."""
    pytest.importorskip("starlette", reason="gradio is not installed: pip install -e '.[demo]'")
    from vqatune.demo.gate import Gate

    reached, sent = [], []

    async def application(scope, receive, send):
        reached.append(scope["path"])

    async def send(message):
        sent.append(message)

    gate = gate or Gate(application, token)
    gate._application = application
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": named}
    with pytest.raises(StopIteration):
        gate(scope, None, send).send(None)
    answered = dict(sent[0]["headers"]) if sent else {}
    cookie = answered.get(b"set-cookie", b"").decode()
    return (sent[0]["status"] if sent else None), bool(reached), cookie


def test_with_a_token_a_browser_comes_in_by_its_link_and_stays_in_by_its_cookie():
    pytest.importorskip("starlette", reason="gradio is not installed: pip install -e '.[demo]'")
    from vqatune.demo.gate import Gate

    gate = Gate(None, "correct-horse")
    there = {"host": "shop.example", "gate": gate}
    for query, headers in (
        ("", {}),
        ("token=wrong-horse", {}),
        ("", {"cookie": "vqatune=correct-horse"}),
        ("", {"authorization": "Bearer wrong"}),
    ):
        assert _pass_gate(None, "/", query, **there, **headers) == (401, False, "")
    assert _pass_gate(None, "/config", "token=correct-horse", **there) == (401, False, "")
    status, reached, cookie = _pass_gate(None, "/", "token=correct-horse", **there)
    assert (status, reached) == (303, False)
    assert "HttpOnly" in cookie and "correct-horse" not in cookie
    known = {"cookie": f"other=1; {cookie.partition(';')[0]}"}
    assert _pass_gate(None, "/config", **there, **known) == (None, True, "")
    assert _pass_gate(None, "/config", **there, authorization="Bearer correct-horse") == (None, True, "")
    # The token opens no way to what Gradio would fetch.
    assert _pass_gate(None, "/gradio_api/proxy=https://x.hf.space/", **there, **known)[0] == 403


@pytest.mark.parametrize("exposed", [("--host", "0.0.0.0"), ("--share",)])
def test_beyond_this_machine_it_needs_a_token(vqatune, monkeypatch, exposed):
    _needs_gradio()
    monkeypatch.delenv("VQATUNE_TOKEN", raising=False)
    assert "VQATUNE_TOKEN" in vqatune("demo", *exposed).error


@pytest.mark.slow
def test_a_package_that_gradio_needs_and_is_missing_is_named(demo_root, tmp_path, warm_server):
    _needs_gradio()
    (tmp_path / "demo.py").write_text(f"import sys\nsys.modules['httpx'] = None\n{DEMO}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [*RUN, str(tmp_path / "demo.py")]
    demo = Warm(warm_server, command, cwd=demo_root, **pipes)
    said = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert said == ("", "error: httpx is not installed: pip install 'vqatune[demo]'\n")
