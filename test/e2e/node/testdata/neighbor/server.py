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


def keep_fresh(context, loaded):
    while True:
        time.sleep(0.2)
        now = version()
        if now != loaded:
            try:
                context.load_cert_chain(CERTIFICATE, KEY)
            except ssl.SSLError:  # One of the two was read before they changed: next time.
                continue
            loaded = now
            print("loaded the certificate again", flush=True)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    loaded = version()
    context.load_cert_chain(CERTIFICATE, KEY)
    threading.Thread(target=keep_fresh, args=(context, loaded), daemon=True).start()
    server = http.server.ThreadingHTTPServer(("", 9443), Webhook)
    # The handshake belongs to the connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
