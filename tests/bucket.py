"""An S3 server on loopback, whose buckets last as long as the process does.

It forgets nothing when it is stopped, so an outage is `stop` and `start`.
"""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from pydantic import SecretStr
from werkzeug.serving import BaseWSGIServer, make_server

KEY_ID, SECRET = "threadline", "of-the-tests"


@dataclass
class S3Server:
    port: int
    _server: BaseWSGIServer | None = field(default=None, repr=False)
    _thread: Thread | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self.port, application, threaded=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def settings(self) -> dict[str, Any]:
        """Make a bucket, and spell it as the hub's settings."""
        bucket = f"files-{uuid4().hex}"
        self.client.create_bucket(Bucket=bucket)
        return {
            "s3_bucket": bucket,
            "s3_endpoint": self.endpoint,
            "s3_key_id": KEY_ID,
            "s3_secret": SecretStr(SECRET),
            "s3_prefix": "hub/",
        }

    def objects(self, bucket: str) -> dict[str, dict[str, Any]]:
        """Look into a bucket: what lies in it, by name."""
        listed = self.client.list_objects_v2(Bucket=bucket).get("Contents", ())
        names = [each["Key"] for each in listed]
        return {name: self.client.head_object(Bucket=bucket, Key=name) for name in names}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = S3Server(port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
