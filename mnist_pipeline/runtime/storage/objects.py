"""Requests to an S3-compatible object store through boto3: whole objects, conditional writes, errors in one line."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import functools
import importlib.util
import mimetypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from mnist_pipeline.runtime.project import SCHEME
from mnist_pipeline.runtime.storage.contents import Entry, UnavailableError
from mnist_pipeline.utils import places

CONNECT_SECONDS = 3
READ_SECONDS = 15  # without a byte from the store
ATTEMPTS = 2
BLOCK = 1 << 20
ABSENT = "absent"  # the condition that the object does not exist
MISSING = ("NoSuchKey", "404")
CONFLICTS = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403")
CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to credentials that may use it"

T = TypeVar("T")


class ConflictError(Exception):
    """The condition of a write is not met."""


@dataclass(frozen=True)
class SmallObject:
    """An object in memory, the tag of its content, and its age in seconds by the store's own clock."""

    data: bytes
    tag: str
    age: float


class ObjectStore:
    """The objects at `s3://BUCKET/PREFIX` or `s3://BUCKET`, by names relative to it.

    A store that does not answer or refuses raises UnavailableError, and so does boto3 if it is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("boto3") is None:
            raise UnavailableError(f"{address} needs boto3; install it with {places.pip_install('s3')}")
        self.address = address
        self.bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        self.prefix = f"{prefix}/" if prefix else ""

    def put(self, name: str, body: bytes | BinaryIO, *, sha256: str | None = None, condition: str | None = None) -> str:
        """Write an object completely or not at all, and return the tag of its content.

        The store verifies and keeps the SHA-256, in hexadecimal. If the object does not fulfil the condition (`ABSENT`,
        or the tag that it must have), ConflictError is raised.
        """
        parameters: dict[str, Any] = {"Body": body}
        if sha256 is not None:
            parameters["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        if condition == ABSENT:
            parameters["IfNoneMatch"] = "*"
        elif condition is not None:
            parameters["IfMatch"] = condition
        return str(_uninterrupted(lambda: self._request("put_object", name, **parameters))["ETag"])

    def get(self, name: str) -> SmallObject | None:
        """A small object, None if it does not exist."""
        try:
            answer = self._request("get_object", name)
        except FileNotFoundError:
            return None
        with self._errors_in_one_line():
            data = answer["Body"].read()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
        return SmallObject(data, str(answer["ETag"]), now - answer["LastModified"].timestamp())

    def download(self, name: str) -> Iterator[bytes]:
        """The blocks of an object; raises FileNotFoundError if the object does not exist."""
        body = self._request("get_object", name)["Body"]
        with contextlib.closing(body), self._errors_in_one_line():
            yield from body.iter_chunks(BLOCK)

    def head(self, name: str) -> Entry | None:
        """Size and checksum by the store's own record, if it keeps one; None if the object does not exist."""
        try:
            answer = self._request("head_object", name, ChecksumMode="ENABLED")
        except FileNotFoundError:
            return None
        is_whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        encoded = str(answer.get("ChecksumSHA256", "")) if is_whole else ""
        return Entry(answer["ContentLength"], base64.b64decode(encoded).hex())

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the store; its content type, which browsers look at, follows from the new name.

        Raises FileNotFoundError if the source does not exist.
        """
        self._request(
            "copy_object",
            target,
            CopySource={"Bucket": self.bucket, "Key": self.prefix + source},
            MetadataDirective="REPLACE",
            ContentType=mimetypes.guess_type(target)[0] or "application/octet-stream",
            ChecksumAlgorithm="SHA256",
        )

    def remove(self, name: str) -> None:
        """Remove an object, if it exists."""
        self._request("delete_object", name)

    def list_names(self, directory: str) -> Iterator[str]:
        """The names of all objects that begin with `directory/`."""
        with self._errors_in_one_line():
            pages = _client(os.getpid()).get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{directory}/"):
                names = (str(listed["Key"]).removeprefix(self.prefix) for listed in page.get("Contents", ()))
                yield from (name for name in names if not name.endswith("/"))

    def _request(self, method: str, name: str, **parameters: Any) -> dict[str, Any]:
        with self._errors_in_one_line():
            call = getattr(_client(os.getpid()), method)
            answer: dict[str, Any] = call(Bucket=self.bucket, Key=self.prefix + name, **parameters)
        return answer

    @contextlib.contextmanager
    def _errors_in_one_line(self) -> Iterator[None]:
        """Turn boto3's errors into ConflictError, FileNotFoundError, or UnavailableError with a message for users."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            answer = error.response.get("Error", {})
            code = str(answer.get("Code", ""))
            if code in MISSING:
                raise FileNotFoundError(self.address) from error
            if code in CONFLICTS:
                raise ConflictError from error
            # The message of a refusal can contain a part of the credentials.
            refused = code in REFUSED
            message = CREDENTIALS if refused else " ".join(str(answer.get("Message", ""))[:200].split())
            raise UnavailableError(f"{self.address} can't be used: the store answers {code}; {message}") from error
        except (BotoCoreError, OSError, ValueError) as error:
            raise UnavailableError(f"{self.address} can't be used: {_failure(error)}") from error


def _failure(error: Exception) -> str:
    """The problem and a remedy if there is no answer; the endpoint's user and password are not shown."""
    if "credential" in str(error).lower() or "profile" in str(error).lower():
        return f"there are no credentials for it; {CREDENTIALS}"
    url = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", "")))
    where = f" at {url.hostname}:{url.port}" if url.hostname else ""
    return f"the store{where} does not answer ({type(error).__name__}); check AWS_ENDPOINT_URL and the network"


def _uninterrupted(request: Callable[[], T]) -> T:
    """Send a request and wait for its outcome even if Ctrl-C interrupts this thread: a request can't be recalled."""
    if threading.current_thread() is not threading.main_thread():
        return request()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(request).result()


@functools.cache
def _client(process: int) -> Any:
    """The S3 client of a process, configured by the AWS_… variables; a forked process needs its own."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        response_checksum_validation="when_required",  # the checksum in the manifest verifies what is read
    )
    return boto3.session.Session().client("s3", config=config)
