"""The two bulk files of the OEIS, fetched politely: one conditional GET each, at most daily, resumed when cut.

A small JSON file beside them remembers what the server said of each (`ETag`, `Last-Modified`), its SHA-256, and
when the server was last asked. A file is replaced only by one that was checked to its last byte.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from codeseq_ray import __version__
from codeseq_ray.errors import InfrastructureError, UsageError

BULK_FILES = ("stripped.gz", "names.gz")
BASE_URL = "https://oeis.org"
ONCE_IN = 24 * 3600.0
"""Seconds between two questions to the server for the same file."""
STATE_FILE = "fetch.json"

_BLOCK = 1 << 16
_TIMEOUT = 60.0
"""Seconds without a byte after which the connection is given up."""
_ATTEMPTS = 5
_LONGEST_WAIT = 120.0
"""Seconds that a `Retry-After` may ask for; when it asks for more, the user decides."""
_REPORT_EVERY = 2.0


class Result(StrEnum):
    NEW = "new"
    UNCHANGED = "unchanged"
    TOO_SOON = "too soon"


@dataclass(frozen=True)
class Fetched:
    """What became of one file."""

    path: Path
    result: Result
    size: int
    """Bytes."""
    sha256: str
    again_at: datetime
    """When the server may be asked again."""


@dataclass
class _Memory:
    """What is remembered of one file."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    sha256: str = ""
    size: int = 0
    asked_at: float = 0.0
    """Unix time of the last answer."""
    part_validator: str = ""
    """What `If-Range` must say for the partial file beside it to be continued."""


@dataclass
class Downloader:
    """Fetches files into one folder. `contact` says who asks: a mail address or a web page."""

    into: Path
    contact: str
    base_url: str = BASE_URL
    force: bool = False
    """Ask although the day is not over, and take the file again although it may be unchanged."""
    report: Callable[[str], None] = lambda text: None
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    timeout: float = _TIMEOUT
    _memories: dict[str, _Memory] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.contact.strip() or not self.contact.isprintable() or not self.contact.isascii():
            raise UsageError(
                "--contact must be a mail address or a web page, so that the OEIS knows who asks."
            )
        if not self.base_url.startswith(("http://", "https://")):
            raise UsageError(f"--base-url must begin with http:// or https://, not {self.base_url!r}.")
        try:
            self.into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{self.into}: cannot be made ({error.strerror}). Give another --into."
            ) from error
        self._memories = self._remembered()

    def fetch(self, name: str) -> Fetched:
        """Bring `name` up to date.

        Raises UsageError when the server refuses or the disk is full, InfrastructureError when it cannot be
        reached or sent something damaged; a partial file is kept for the next try where it can be continued.
        """
        memory = self._memories.setdefault(name, _Memory())
        target = self.into / name
        url = f"{self.base_url.rstrip('/')}/{name}"
        if memory.url != url:
            memory = self._memories[name] = _Memory(url=url)
        held = target.is_file() and _sha256(target) == memory.sha256
        if held and not self.force and self.now() < memory.asked_at + ONCE_IN:
            return self._fetched(name, Result.TOO_SOON)
        try:
            changed = self._get(name, url, conditional=held and not self.force)
            if changed:
                self._accept(name)
            memory.asked_at = self.now()
            self._remember()
        except OSError as error:
            raise self._disk_error(error) from error
        return self._fetched(name, Result.NEW if changed else Result.UNCHANGED)

    # ------------------------------------------------------------------------------------------- the server

    def _get(self, name: str, url: str, *, conditional: bool) -> bool:
        """Get the file into its partial file. False: the server says that it has not changed."""
        for attempt in range(1, _ATTEMPTS + 1):
            request = urllib.request.Request(url, headers=self._headers(name, conditional=conditional))
            wait = float(attempt)
            try:
                answer = urllib.request.urlopen(request, timeout=self.timeout)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 304 and conditional:
                    return False
                if error.code == 416:
                    self._forget_part(name)
                    trouble, wait = "the server cannot continue the partial file", 0.0
                else:
                    trouble = f"the server answers {error.code} {error.reason}"
                    wait = self._pause_asked(error, url, attempt)
            except (OSError, http.client.HTTPException) as error:
                trouble = f"no connection ({getattr(error, 'reason', error)!s})"
            else:
                with answer:
                    trouble = self._receive(name, answer)
                if not trouble:
                    return True
            if attempt < _ATTEMPTS:
                self.report(f"{name}: {trouble}; trying again in {wait:g} s")
                self.sleep(wait)
        raise InfrastructureError(
            f"{url}: {trouble}, {_ATTEMPTS} times in a row. Run the same command later: it goes on where it stopped."
        )

    def _headers(self, name: str, *, conditional: bool) -> dict[str, str]:
        memory = self._memories[name]
        headers = {
            "User-Agent": f"codeseq-ray/{__version__} ({self.contact.strip()})",
            "Accept-Encoding": "identity",
        }
        if conditional and memory.etag:
            headers["If-None-Match"] = memory.etag
        if conditional and memory.last_modified:
            headers["If-Modified-Since"] = memory.last_modified
        part = self._part(name)
        if memory.part_validator and part.is_file() and (size := part.stat().st_size):
            headers["Range"] = f"bytes={size}-"
            headers["If-Range"] = memory.part_validator
        return headers

    def _receive(self, name: str, answer: Any) -> str:
        """Write the body behind or in place of the partial file. Returns why it is not whole, empty if it is."""
        memory = self._memories[name]
        part = self._part(name)
        start = part.stat().st_size if answer.status == 206 else 0
        if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            self._forget_part(name)
            return "the server continues the partial file at another place"
        memory.etag = answer.headers.get("ETag", "")
        memory.last_modified = answer.headers.get("Last-Modified", "")
        # A weak ETag does not promise the same bytes.
        strong = memory.etag if not memory.etag.startswith("W/") else ""
        memory.part_validator = strong or memory.last_modified
        # Until the new file is accepted, the old one is no ground for a conditional request.
        memory.sha256 = ""
        self._remember()
        length = answer.headers.get("Content-Length")
        due = start + int(length) if length is not None and length.isdigit() else None
        size = start
        reported = self.now()
        with part.open("ab" if start else "wb") as stream:
            while True:
                # Only the network is asked here: an OSError from anything else is the disk's.
                try:
                    block = answer.read(_BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    return f"the connection broke ({error!s})"
                if not block:
                    break
                stream.write(block)
                size += len(block)
                if self.now() - reported >= _REPORT_EVERY:
                    reported = self.now()
                    self.report(f"{name}: {_megabytes(size)}{f' of {_megabytes(due)}' if due else ''}")
            stream.flush()
            os.fsync(stream.fileno())
        return "" if due is None or size == due else f"the connection was cut at {size} of {due} bytes"

    def _pause_asked(self, error: urllib.error.HTTPError, url: str, attempt: int) -> float:
        """Seconds to wait before the next attempt. Raises UsageError where trying again cannot help."""
        if error.code == 403:
            raise UsageError(
                f"{url}: the server refuses this client (403). Say who you are with --contact, and do not repeat: "
                "the files can also be fetched with a browser and put into the folder."
            )
        if error.code == 404:
            raise UsageError(f"{url}: there is no such file (404). Check --base-url.")
        if error.code not in (408, 429) and error.code < 500:
            raise UsageError(f"{url}: the server answers {error.code} {error.reason}. Check --base-url.")
        wait = self._retry_after(error.headers.get("Retry-After"))
        if wait is not None and wait > _LONGEST_WAIT:
            raise InfrastructureError(
                f"{url}: the server answers {error.code} and asks to come back in {wait:.0f} s. Run the same "
                "command after that."
            )
        return float(attempt) if wait is None else wait

    def _retry_after(self, text: str | None) -> float | None:
        if text is None:
            return None
        if text.strip().isdigit():
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self.now())
        except ValueError:
            return None

    # ------------------------------------------------------------------------------------------- the folder

    def _accept(self, name: str) -> None:
        """Check the partial file to its last byte and put it in its place."""
        memory = self._memories[name]
        part = self._part(name)
        try:
            with gzip.open(part) as stream:
                if not stream.read(1):  # an empty file is gzip of nothing to Python
                    raise EOFError("it is empty")
                while stream.read(1 << 20):
                    pass
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._forget_part(name)
            raise InfrastructureError(
                f"{memory.url}: what came is not a whole gzip file ({error}). Nothing was replaced; try again "
                "later, or check --base-url."
            ) from error
        memory.sha256 = _sha256(part)
        memory.size = part.stat().st_size
        memory.part_validator = ""
        os.replace(part, self.into / name)

    def _part(self, name: str) -> Path:
        return self.into / f"{name}.part"

    def _forget_part(self, name: str) -> None:
        self._memories[name].part_validator = ""
        self._part(name).unlink(missing_ok=True)
        self._remember()

    def _remembered(self) -> dict[str, _Memory]:
        """What an earlier run noted; nothing, where the note is missing or spoiled: then files are fetched anew."""
        try:
            noted = json.loads((self.into / STATE_FILE).read_text("utf-8"))
            return {name: _Memory(**memory) for name, memory in noted.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _remember(self) -> None:
        noted = {name: asdict(memory) for name, memory in self._memories.items()}
        draft = self.into / f"{STATE_FILE}.part"
        draft.write_text(json.dumps(noted, indent=1) + "\n", "utf-8")
        os.replace(draft, self.into / STATE_FILE)

    def _fetched(self, name: str, result: Result) -> Fetched:
        memory = self._memories[name]
        again = datetime.fromtimestamp(memory.asked_at + ONCE_IN, UTC)
        return Fetched(self.into / name, result, memory.size, memory.sha256, again)

    def _disk_error(self, error: OSError) -> UsageError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return UsageError(
                f"{self.into}: the disk is full. The two files need some 100 MB; make room and run the same "
                "command: it goes on where it stopped."
            )
        return UsageError(f"{self.into}: cannot be written ({error.strerror or error}). Give another --into.")


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
