# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0

"""A webhook that knows nothing of Kubernetes' certificates: Python's own HTTPS server, and two files.

It refuses objects whose name begins with "bad". When the certificate's file changes, it loads both files again.
"""

import http.server
import json
import os
import ssl
import threading
import time

CERTIFICATE, KEY = "/serving/tls.crt", "/serving/tls.key"


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        response = {"uid": request["uid"], "allowed": not request["name"].startswith("bad")}
        if not response["allowed"]:
            response["status"] = {"message": "Python says no", "code": 403}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def version():
    return os.stat(CERTIFICATE).st_ino, os.stat(CERTIFICATE).st_mtime_ns


def read():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


class Server(http.server.ThreadingHTTPServer):
    """Each connection has the context of its time.

    A context that is in use must not be loaded anew: the key follows the certificate, and whoever connects between the
    two gets no handshake.
    """

    def __init__(self):
        self.loaded = version()
        self.context = read()
        super().__init__(("", 9443), Webhook)

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
            except OSError:  # The two were replaced meanwhile, also ssl.SSLError: next time.
                continue
            self.loaded = now
            print("loaded the certificate again", flush=True)


def main():
    server = Server()
    threading.Thread(target=server.keep_fresh, daemon=True).start()
    server.serve_forever()


main()
