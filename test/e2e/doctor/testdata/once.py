# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0

"""A webhook as tutorials have it: the standard library's HTTPS server, which reads its certificate once."""

import http.server
import json
import os
import ssl

HOST, _, PORT = os.environ["ADDRESS"].rpartition(":")
DIRECTORY = os.environ["CERT_DIR"]


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        response = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "Python says no"}}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(DIRECTORY, "tls.crt"), os.path.join(DIRECTORY, "tls.key"))
server = http.server.ThreadingHTTPServer((HOST, int(PORT)), Webhook)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
