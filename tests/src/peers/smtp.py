"""A mail server with STARTTLS: NAME PORT CERTIFICATE KEY."""

import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

name, port, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
for address in ("0.0.0.0", "::"):
    Controller(
        Sink(), hostname=address, port=int(port), server_hostname=name, tls_context=context
    ).start()
signal.pause()
