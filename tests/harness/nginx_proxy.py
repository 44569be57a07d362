"""The shipped configuration of nginx before a real exchange: a port and a certificate of its own.

    with NginxProxy(folder, exchange.address("api"), {"rate=100r/s": "rate=1r/s"}) as proxy:
        proxy.get("/api/v1/health")      # (200, b"...")

nginx is a witness: see ``NEEDS_NGINX``.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import pytest
from exchange_process import wait_until

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "nginx"
LIMIT_S = 180.0
NEEDS_NGINX = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
MAIN = """
pid nginx.pid; error_log error.log; daemon off; worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    include exchange.conf;
}
"""


def unverified() -> ssl.SSLContext:
    """For a certificate that nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class NginxProxy:
    """nginx with the shipped files before ``api`` (and ``feed``), both host:port.

    ``changes``: other texts in them. ``address``: its own host:port, with TLS.
    """

    def __init__(
        self, folder: Path, api: str, changes: Mapping[str, str] | None = None, feed: str = ""
    ) -> None:
        port = _free_port()
        self.address = f"127.0.0.1:{port}"
        self._folder = folder
        own = {
            "listen 443 ssl": f"listen {self.address} ssl",
            "127.0.0.1:8081": api,
            "127.0.0.1:8082": feed or "127.0.0.1:8082",
            "/etc/nginx/": f"{folder}/",
        }
        text = (SHIPPED / "exchange.conf").read_text()
        for before, after in {**own, **(changes or {})}.items():
            assert before in text
            text = text.replace(before, after)
        (folder / "exchange.conf").write_text(text)
        shutil.copy(SHIPPED / "exchange_proxy.inc", folder)
        (folder / "main.conf").write_text(MAIN)
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec"),
                *("-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
                *("-subj", "/CN=exchange.example"),
                *("-keyout", folder / "exchange.key", "-out", folder / "exchange.crt"),
            ],
            check=True,
            capture_output=True,
        )
        self._server = subprocess.Popen(
            ["nginx", "-p", f"{folder}/", "-c", "main.conf", "-e", "error.log"]
        )

    def __enter__(self) -> NginxProxy:
        try:
            wait_until(self._answers, LIMIT_S, "nginx to pass the health on")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End nginx and wait for it."""
        self._server.terminate()
        self._server.wait(LIMIT_S)

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self._folder / "error.log").read_text()
        try:
            return self.get("/api/v1/health")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(
                f"https://{self.address}{path}", timeout=LIMIT_S, context=unverified()
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
