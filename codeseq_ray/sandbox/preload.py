"""What programs can import, loaded before the fork: a child opens no file. Untrusted side, standard library only."""

from __future__ import annotations

import _sitebuiltins
import builtins
import contextlib
import importlib
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator

CORE = """
    __future__ abc array ast bisect builtins cmath codecs collections collections.abc contextlib copy datetime decimal
    enum errno fractions functools gc graphlib heapq io itertools json keyword linecache math numbers operator os
    queue random re reprlib resource signal string struct sys threading time token tokenize traceback types typing
    unicodedata warnings weakref
    encodings.ascii encodings.latin_1 encodings.utf_8 encodings.utf_8_sig encodings.utf_16 encodings.utf_32
    encodings.unicode_escape encodings.raw_unicode_escape encodings.hex_codec encodings.rot_13
""".split()  # noqa: SIM905 (a list this long reads best as text)
"""What nearly all programs get along with."""
MORE = """
    argparse base64 binascii calendar concurrent.futures concurrent.futures.thread contextvars csv dataclasses
    _strptime difflib dis doctest fileinput getopt glob hashlib hmac inspect locale logging optparse pathlib
    pickle platform pprint sched secrets select selectors shlex shutil socket statistics subprocess tempfile
    textwrap timeit tracemalloc unittest uuid zlib
""".split()  # noqa: SIM905
"""The rest of the standard library, as far as it is of use without files, network and processes. A fork copies an
entry for each page and each mapping: with these it costs a fifth more."""
_LEADS_TO_MORE = ("popen", "Protocol", "runtime_checkable", "deprecated")
"""Other names, which the standard library loads one of them for (`strptime` is the name of its own)."""
_NAMED = re.compile(
    rf"\b(?:{'|'.join([*(name.partition('.')[0].lstrip('_') for name in MORE), *_LEADS_TO_MORE])})\b"
)

_NEEDLESS = """
    _hashlib _ssl _bz2 _lzma _uuid _curses readline flint gmpy2
    pytest _pytest mypy hypothesis matplotlib IPython scipy pandas Cython
""".split()  # noqa: SIM905
"""The standard library, numpy and sympy work without these. The first are a shared library or more to map in every
fork, and sympy on its own integers answers alike wherever it runs; the second are here if the house is tested."""

_NEWER = ("_pylong", "_colorize")
"""What later versions of Python load by themselves when they have to: long integers as text, tracebacks."""

PACKAGES = {"core": (), "standard": (), "scientific": ("numpy", "sympy", "mpmath")}
_SKIPPED = (
    "tests",
    "testing",
    "conftest",
    "benchmarks",
    "f2py",
    "distutils",
    "plotting",
    "parsing",
    "interactive",
)
"""Parts of packages that no program can use here: they need files, compilers, screens."""


class PackageMissingError(Exception):
    """The interpreter lacks a package of the profile."""


def names_more(source: str) -> bool:
    """Whether a program's text names a module of `MORE`, in whatever sense: it then gets all of them.

    (A program that puts the name together as it runs does not, and is told that there is no such module.)
    """
    return _NAMED.search(source) is not None


def everything(profile: str, packages: list[str]) -> None:
    """Import all that programs of this profile ("core" or a `settings.Profile`) can import; close the ways to others.

    `packages` are the folders that hold the profile's packages.
    """
    for name in _NEEDLESS:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in CORE if profile == "core" else (*CORE, *MORE):
        importlib.import_module(name)
    for name in _NEWER:
        _try(name)
    sys.path.extend(packages)
    for package in PACKAGES[profile]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise PackageMissingError(
                f"the profile {profile!r} preloads {package}, which {sys.executable} lacks ({error}). Install it "
                "there on every node: pip install 'codeseq-ray[scientific]'"
            ) from error
        for module in _parts_of(package):
            _try(module)
    for name in _NEEDLESS:
        del sys.modules[name]
    # What `site` would bring and programs use. (-S leaves it out, and with it the search of the disk.)
    builtins.exit, builtins.quit = _sitebuiltins.Quitter("exit", ""), _sitebuiltins.Quitter("quit", "")
    # Looking for anything else must end in ModuleNotFoundError, not in a search of the disk.
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.path_hooks.clear()


def _parts_of(package: str) -> Iterator[str]:
    """Names of all modules below a package that a program may import later, as packages load them when asked."""
    folders = sys.modules[package].__path__
    for _, name, is_package in pkgutil.iter_modules(folders, package + "."):
        if name.rpartition(".")[2].startswith(_SKIPPED) or name.endswith("_tests"):
            continue
        yield name
        if is_package and name in sys.modules:
            yield from _parts_of(name)


def _try(module: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What wants something that is not installed is left out; a program that asks for it is told so.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
