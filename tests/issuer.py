"""An OpenID Connect issuer on 127.0.0.1: discovery, keys that can be rotated, any kind of token."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE = "https://jobs.example.com"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


class Key:
    """A key pair. `bits`: RSA of that size, else P-256."""

    def __init__(self, kid: str, bits: int | None = None) -> None:
        self.kid = kid
        self.algorithm = "RS256" if bits else "ES256"
        self.private: Any = (
            rsa.generate_private_key(public_exponent=65537, key_size=bits)
            if bits
            else ec.generate_private_key(ec.SECP256R1())
        )

    @property
    def jwk(self) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        document: dict[str, Any] = json.loads(algorithm.to_jwk(self.private.public_key()))
        return {**document, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def pem(self) -> bytes:
        public = self.private.public_key()
        return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


class Issuer:
    """`answers` by path: (status, headers, body), or None to break off the connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = Key("first")
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes] | None] = {}
        self.publish(self.key)
        self.says(DISCOVERY, {"issuer": url, "jwks_uri": url + KEYS})

    def says(self, path: str, document: Any) -> None:
        self.answers[path] = (200, {}, json.dumps(document).encode())

    def publish(self, *keys: Key) -> None:
        self.says(KEYS, {"keys": [key.jwk for key in keys]})

    def token(self, subject: Any = "ada", *, key: Key | None = None, **claims: Any) -> str:
        """A good one, but for what is given; a claim of None is left out."""
        key = key or self.key
        return jwt.encode(
            self.claims(subject, **claims), key.private, key.algorithm, {"kid": key.kid}
        )

    def claims(self, subject: Any = "ada", **claims: Any) -> dict[str, Any]:
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600}
        return {name: one for name, one in (good | claims).items() if one is not None}


@contextmanager
def running(certificate: tuple[Path, Path] | None = None) -> Iterator[Issuer]:
    """Over TLS if it is given a certificate and its key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            answer = issuer.answers.get(self.path, (404, {}, b""))
            if answer is None:
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(
            server.socket,
            server_side=True,
            do_handshake_on_connect=False,  # in the threads
        )
    scheme = "https" if certificate else "http"
    issuer = Issuer(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
