# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0

"""A webhook in Python that knows nothing of Kubernetes' certificates: the standard library's HTTPS server, and two files.

It denies objects whose name begins with "bad": change verdict(). When the certificate's file changes, it loads both
files again. CERT_DIR and ADDRESS change where it reads and listens.
"""

import http.server
import json
import os
import ssl
import threading
import time

DIRECTORY = os.environ.get("CERT_DIR", "/serving")
HOST, _, PORT = os.environ.get("ADDRESS", ":9443").rpartition(":")
CERTIFICATE, KEY = os.path.join(DIRECTORY, "tls.crt"), os.path.join(DIRECTORY, "tls.key")


def verdict(request):
    """Returns why the object of an AdmissionRequest is denied, or None."""
    if request["name"].startswith("bad"):
        return "Python says no"
    return None


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        denial = verdict(review["request"])
        response = {"uid": review["request"]["uid"], "allowed": denial is None}
        if denial:
            response["status"] = {"message": denial, "code": 403}
        answer = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def version():
    return os.stat(CERTIFICATE).st_ino, os.stat(CERTIFICATE).st_mtime_ns


def read():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


class Server(http.server.ThreadingHTTPServer):
    """Each connection has the context of its time.

    Do not load a certificate into a context that is in use: the key follows the certificate, and the handshakes between
    the two fail.
    """

    def __init__(self):
        self.loaded = version()
        self.context = read()
        super().__init__((HOST, int(PORT)), Webhook)

    def get_request(self):
        connection, address = super().get_request()
        # The handshake belongs to the connection's own thread.
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def keep_fresh(self):
        while True:
            time.sleep(0.2)
            try:
                now = version()
                if now == self.loaded:
                    continue
                self.context = read()
            except OSError:  # Also ssl.SSLError: the files were being replaced. The next round reads them.
                continue
            self.loaded = now
            print("loaded the certificate again", flush=True)


def main():
    server = Server()
    threading.Thread(target=server.keep_fresh, daemon=True).start()
    server.serve_forever()


main()
