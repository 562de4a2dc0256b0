"""A proxy before a real S3 server that does to requests what networks and busy servers do.

What goes wrong is drawn by a hash of the seed, the request, and how often it came before, so that a rerun meets the
same troubles; or it is commanded, one by one. The server behind stays what it is.
"""

from tests.s3_proxy.proxy import S3Proxy
from tests.s3_proxy.troubles import Trouble

__all__ = ["S3Proxy", "Trouble"]
