"""What is known of the sources of general rows: of Tulu 3's, their licence."""

from __future__ import annotations

import re

from codeseq_ray.mixing.chats import Chat

TULU_LICENSE = "ODC-BY-1.0"
UNKNOWN = "unknown"
"""Licence of rows for which nobody states one."""
NO_ROBOTS_LICENSE = "CC-BY-NC-4.0"
"""Of the subset that is not for commercial use: who drops rows by licence must find it."""

_TULU = re.compile(r"ai2-adapt-dev/.+|allenai/tulu-3-.+")

HUB_IDS = {
    "ODC-BY-1.0": "odc-by",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC0-1.0": "cc0-1.0",
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
}
"""The Hub's names of licences; any other is `other`."""


def is_tulu(source: str) -> bool:
    """Is this a name of the column `source` in Tulu 3's SFT mixture?"""
    return _TULU.fullmatch(source) is not None


def license_of(chat: Chat, stated: str | None) -> str:
    """The row's own word, else what Tulu 3's card says, else what the user states."""
    if chat.license:
        return chat.license
    if is_tulu(chat.source):
        return NO_ROBOTS_LICENSE if "no_robots" in chat.source else TULU_LICENSE
    return stated or UNKNOWN
