# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0

"""A webhook that speaks plain HTTP, for the Pod alone: nginx in front of it has the certificate.

It denies objects whose name begins with "bad". It stands for any program that has no TLS of its own.
"""

import http.server
import json
import os

HOST, _, PORT = os.environ.get("ADDRESS", "127.0.0.1:8080").rpartition(":")


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        response = {"uid": request["uid"], "allowed": not request["name"].startswith("bad")}
        if not response["allowed"]:
            response["status"] = {"message": "the program behind nginx says no", "code": 403}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((HOST, int(PORT)), Webhook).serve_forever()
