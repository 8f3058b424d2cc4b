"""Requests to an object store: whole objects, put under a condition or without, and errors that are told in a line."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import email.utils
import functools
import importlib.util
import mimetypes
import os
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import fsspec

from mnist_pipeline.runtime.settings import SCHEME
from mnist_pipeline.runtime.storage.contents import UnavailableError

EXTRA = "s3"
CONNECT_SECONDS = 3
READ_SECONDS = 15  # without a byte from the store
ATTEMPTS = 2
BLOCK = 1 << 20
ABSENT = "absent"  # the condition that there is no such object
MISSING = ("NoSuchKey", "404")
CONFLICTS = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403")
CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to credentials that may use it"


class ConflictError(Exception):
    """An object is not what a request made its condition."""


@dataclass(frozen=True)
class Head:
    """What a store says of an object: size in bytes, tag of its content, SHA-256 where it has that of the whole."""

    size: int
    tag: str
    sha256: str | None


@dataclass(frozen=True)
class Found:
    """A small object with the tag of its content, and the seconds since it was put, by the store's own clock."""

    data: bytes
    tag: str
    age: float


class ObjectStore:
    """The objects under a prefix of a bucket, by names relative to it.

    Parameters
    ----------
    address : str
        `s3://BUCKET/PREFIX`, or `s3://BUCKET`.

    Raises
    ------
    UnavailableError
        If the optional dependency for such addresses is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("s3fs") is None:
            raise UnavailableError(f"{address} needs s3fs, which is absent; pip install 'mnist-pipeline[{EXTRA}]'")
        self.address = address
        self.bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        self._files = file_system(os.getpid())

    def put(self, name: str, body: bytes | BinaryIO, *, sha256: str | None = None, condition: str | None = None) -> str:
        """Put an object, whole or not at all; say the tag of its content.

        Parameters
        ----------
        name : str
        body : bytes or binary file
        sha256 : str, optional
            Of the body, in hexadecimal, for the store to verify and to keep.
        condition : str, optional
            `ABSENT`, or the tag that the object has now.

        Raises
        ------
        ConflictError
            If the condition does not hold.
        """
        parameters: dict[str, Any] = {"Body": body}
        if sha256 is not None:
            parameters["ChecksumAlgorithm"] = "SHA256"
            parameters["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        if condition == ABSENT:
            parameters["IfNoneMatch"] = "*"
        elif condition is not None:
            parameters["IfMatch"] = condition
        return str(self._ask("put_object", Key=self.prefix + name, **parameters)["ETag"])

    def get(self, name: str) -> Found | None:
        """A small object, None if there is none."""
        try:
            data, answer = self._wait(self._got(name))
        except FileNotFoundError:
            return None
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
        return Found(data, str(answer["ETag"]), now - answer["LastModified"].timestamp())

    def download(self, name: str, size: int, sink: BinaryIO) -> int:
        """Write an object into a file as it comes, if it has that size; say which it has.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return self._wait(self._downloaded(name, size, sink))

    def head(self, name: str) -> Head | None:
        """What the store says of an object, None if there is none."""
        try:
            answer = self._ask("head_object", Key=self.prefix + name, ChecksumMode="ENABLED")
        except FileNotFoundError:
            return None
        whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        encoded = str(answer.get("ChecksumSHA256", "")) if whole else ""
        return Head(answer["ContentLength"], str(answer["ETag"]), base64.b64decode(encoded).hex() if encoded else None)

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the store; a browser that is pointed at it is told of which kind it is by its name.

        Raises
        ------
        FileNotFoundError
            If there is no source.
        """
        origin = {"Bucket": self.bucket, "Key": self.prefix + source}
        kind = mimetypes.guess_type(target)[0] or "application/octet-stream"
        described: dict[str, str] = {"MetadataDirective": "REPLACE", "ContentType": kind, "ChecksumAlgorithm": "SHA256"}
        self._ask("copy_object", Key=self.prefix + target, CopySource=origin, **described)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        self._ask("delete_object", Key=self.prefix + name)

    def listed(self, directory: str) -> Iterator[str]:
        """The names of all objects that begin with `directory/`."""
        more: dict[str, Any] = {}
        while True:
            answer = self._ask("list_objects_v2", Prefix=f"{self.prefix}{directory}/", **more)
            names = (str(listed["Key"]).removeprefix(self.prefix) for listed in answer.get("Contents", ()))
            yield from (name for name in names if not name.endswith("/"))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._wait(self._asked(method, **parameters))

    def _wait(self, request: Coroutine[Any, Any, Any]) -> Any:
        """The outcome of a request; a caller who is interrupted learns it too, for it can't be called back."""
        future = asyncio.run_coroutine_threadsafe(request, self._files.loop)
        try:
            return future.result()
        finally:
            concurrent.futures.wait([future])

    async def _asked(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the store answers, its errors as this module's."""
        import aiohttp
        from botocore.exceptions import BotoCoreError, ClientError

        endpoint = ""
        try:
            await self._files.set_session()
            client = await self._files.get_s3(self.bucket)
            endpoint = client.meta.endpoint_url
            answer: dict[str, Any] = await getattr(client, method)(Bucket=self.bucket, **parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in MISSING:
                raise FileNotFoundError(parameters.get("Key")) from error
            if code in CONFLICTS:
                raise ConflictError from error
            raise self._unavailable(self._refusal(code, error)) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unavailable(self._failure(error, endpoint)) from error
        return answer

    async def _got(self, name: str) -> tuple[bytes, dict[str, Any]]:
        answer = await self._asked("get_object", Key=self.prefix + name)
        async with answer["Body"] as body:
            return await self._received(body.read()), answer

    async def _downloaded(self, name: str, size: int, sink: BinaryIO) -> int:
        answer = await self._asked("get_object", Key=self.prefix + name)
        async with answer["Body"] as body:
            if answer["ContentLength"] == size:
                while block := await self._received(body.read(BLOCK)):
                    sink.write(block)
        return int(answer["ContentLength"])

    async def _received(self, reading: Coroutine[Any, Any, bytes]) -> bytes:
        import aiohttp
        from botocore.exceptions import BotoCoreError

        try:
            return await reading
        except (BotoCoreError, aiohttp.ClientError, OSError) as error:
            raise self._unavailable(self._failure(error, "")) from error

    def _refusal(self, code: str, error: Exception) -> str:
        """What is wrong, and what to do, by the code of an answer."""
        if code == "NoSuchBucket":
            return f"there is no bucket {self.bucket}; make it, or name another"
        if code in REFUSED:
            return f"the store refuses the credentials ({code}); {CREDENTIALS}"
        message = str(getattr(error, "response", {}).get("Error", {}).get("Message", ""))[:200]
        return f"the store answers {code} ({' '.join(message.split())}); see its documentation, then try again"

    def _failure(self, error: Exception, endpoint: str) -> str:
        """The same where there is no answer; of the endpoint, which may hold a password, host and port are told."""
        from botocore.exceptions import NoCredentialsError, PartialCredentialsError, ProfileNotFound

        if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
            return f"there are no credentials for it; {CREDENTIALS}"
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            return "AWS_ENDPOINT_URL is no address; write for instance http://127.0.0.1:9000"
        url = urlsplit(endpoint)
        where = f" at {url.hostname}" + (f":{url.port}" if url.port else "") if url.hostname else ""
        return f"the store{where} does not answer ({type(error).__name__}); see to AWS_ENDPOINT_URL and the network"

    def _unavailable(self, told: str) -> UnavailableError:
        return UnavailableError(f"{self.address} can't be used: {told}")


@functools.cache
def file_system(process: int) -> Any:
    """The connection of a process to the store that AWS's own settings name; a forked process needs another one."""
    retries = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
    config = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": retries,
        "response_checksum_validation": "when_required",  # what is read is held to the manifest's checksum
    }
    return fsspec.filesystem("s3", config_kwargs=config, use_listings_cache=False, skip_instance_cache=True)
