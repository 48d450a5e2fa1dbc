import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTSIDE = "192.0.2.1"
TESTS = f"""
import contextlib, http.client, http.server, socket, subprocess, sys, threading, urllib.request

def swallowed(host):
    with contextlib.suppress(OSError):
        socket.create_connection((host, 80), 1)

def test_address():
    swallowed("{OUTSIDE}")

def test_name():
    swallowed("host.example")

def test_datagram():
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as made:
        made.sendto(b"a", ("{OUTSIDE}", 9))

def test_message():
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as made:
        made.sendmsg([b"a"], [], 0, ("{OUTSIDE}", 9))

def test_name_of_an_address():
    with contextlib.suppress(OSError):
        socket.getnameinfo(("{OUTSIDE}", 9), 0)

def test_host_of_an_address():
    with contextlib.suppress(OSError):
        socket.gethostbyaddr("{OUTSIDE}")

def test_child():
    subprocess.run([sys.executable, "-c", "import urllib.request; urllib.request.urlopen('http://{OUTSIDE}')"])

def test_this_machine():
    with http.server.HTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request).start()
        asked = http.client.HTTPConnection("localhost", server.server_port)
        asked.request("HEAD", "/none")
        assert asked.getresponse().status == 404
"""


def test_a_test_that_goes_outside_fails_and_says_where(tmp_path):
    (tmp_path / "test_outside.py").write_text(TESTS)
    plugin = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", "-q", "--disable-plugin-autoload", *plugin, str(tmp_path)]
    wide = os.environ | {"COLUMNS": "300"}
    result = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True)
    said = [line for line in result.stdout.splitlines() if line.startswith("ERROR")]
    assert "8 passed, 7 errors" in result.stdout
    for test in ("address", "name", "datagram", "message", "name_of_an_address", "host_of_an_address", "child"):
        assert any(f"test_{test} - " in line for line in said), result.stdout
    assert result.stdout.count(f"this asks for {OUTSIDE}") >= 6
    assert "this asks for host.example" in result.stdout
