#!/usr/bin/env python3
"""An object store in memory that speaks S3, Google's XML interface and Azure's blobs as their documents
say, and believes nobody: it checks every signature by rules of its own, hashes payloads, keeps
conditional puts and pages its lists.

It prints its port, and ends when its standard input does. PUT /_control takes {"page": N,
"ignore_conditions": true, "objects": {key: text}, "expire_tokens": true, "faults": [{"method", "status", "times", "after",
"retry_after", "code"}]}: such a request is answered so, `after` (it was carried out all the same) or
instead; status 0 closes the connection. GET /_control gives what was asked since, and forgets it.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, unquote_plus
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET_KEY = "AKIATEST", "secret/of+the=tests"
ACCOUNT, ACCOUNT_KEY = "lakeaccount", base64.b64encode(b"the key of the account").decode()
SAS_SIGNATURE = "a+b/c="
BUCKET = "lake"


class Store:
    def __init__(self):
        self.lock = threading.Lock()
        self.objects = {}  # key -> (bytes, metadata headers, time, headers of the put)
        self.page, self.ignore_conditions = 1000, False
        self.faults, self.asked, self.tokens = [], [], set()

    def fault_for(self, method):
        for fault in self.faults:
            if fault["method"] == method and fault.get("times", 1) > 0:
                fault["times"] = fault.get("times", 1) - 1
                return fault
        return None


STORE = Store()


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Refusal(Exception):
    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or "it says " + code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.raw_path, _, self.raw_query = self.path.partition("?")
        self.query = {unquote(n): unquote(v) for n, _, v in
                      (pair.partition("=") for pair in self.raw_query.split("&") if pair)}
        if self.raw_path == "/_control":
            return self.control(body)
        if self.raw_path.endswith("/oauth2/v2.0/token"):
            return self.token(body)
        with STORE.lock:
            fault = STORE.fault_for(self.command)
            STORE.asked.append({"method": self.command, "path": self.path, "host": self.headers["Host"],
                                "headers": {n.lower(): v for n, v in self.headers.items()}})
        if fault and not fault.get("after"):
            return self.answer_fault(fault)
        try:
            answer = self.store(body)
        except Refusal as refusal:
            answer = self.refusal(refusal)
        if fault:
            return self.answer_fault(fault)
        self.answer(*answer)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do_any

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        headers = dict(headers or {})
        headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refusal(self, refusal):
        text = f"<?xml version='1.0'?><Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
        headers = {"x-ms-request-id" if self.is_azure() else "x-amz-request-id": "req-1"}
        if self.is_azure():
            headers["x-ms-error-code"] = refusal.code
        return refusal.status, (b"" if self.command == "HEAD" else text.encode()), headers

    def answer_fault(self, fault):
        if fault["status"] == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
        body = f"<Error><Code>{fault.get('code', 'Busy')}</Code><Message>made up</Message></Error>".encode()
        self.answer(fault["status"], body, headers)

    def control(self, body):
        with STORE.lock:
            if self.command == "PUT":
                wish = json.loads(body)
                STORE.page = wish.get("page", STORE.page)
                STORE.ignore_conditions = wish.get("ignore_conditions", STORE.ignore_conditions)
                STORE.faults = wish.get("faults", [])
                if wish.get("expire_tokens"):
                    STORE.tokens.clear()
                if wish.get("forget"):
                    STORE.objects.clear()
                for key, text in wish.get("objects", {}).items():
                    STORE.objects[key] = (text.encode(), {}, time.time(), None)
            asked, STORE.asked = STORE.asked, []
        self.answer(200, json.dumps(asked).encode())

    def token(self, body):
        form = {unquote_plus(n): unquote_plus(v) for n, _, v in
                (pair.partition("=") for pair in body.decode().split("&"))}
        expected = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s&cret",
                    "scope": "https://storage.azure.com/.default"}
        if form != expected:
            return self.answer(401, json.dumps({"error": "invalid_client", "error_description": "no"}).encode())
        with STORE.lock:
            token = f"token-{os.urandom(4).hex()}"
            STORE.tokens.add(token)
        self.answer(200, json.dumps({"access_token": token, "expires_in": 3600}).encode())

    # Who is it?

    def is_azure(self):
        return "x-ms-version" in self.headers or "x-ms-date" in self.headers

    def check_sender(self, body):
        word = self.headers.get("Authorization", "")
        if word.startswith(("AWS4-HMAC-SHA256 ", "GOOG4-HMAC-SHA256 ")):
            return self.check_v4(word, body)
        if word.startswith("SharedKey "):
            return self.check_shared_key(word, len(body))
        if word.startswith("Bearer "):
            if word[len("Bearer "):] not in STORE.tokens:
                raise Refusal(401, "InvalidAuthenticationInfo")
        elif self.query.get("sig") != SAS_SIGNATURE:
            raise Refusal(403, "AuthenticationFailed")
        return None

    def check_v4(self, word, body):
        google = word.startswith("GOOG4")
        name, family = ("GOOG4", "x-goog-") if google else ("AWS4", "x-amz-")
        if any(n.lower().startswith("x-amz-" if google else "x-goog-") for n in self.headers):
            raise Refusal(400, "ExcessHeaderValues")
        parts = dict(part.strip().split("=", 1) for part in word.split(" ", 1)[1].split(","))
        access, day, region, service, last = parts["Credential"].split("/")
        if access != ACCESS_KEY:
            raise Refusal(403, "InvalidAccessKeyId")
        stamp, hashed = self.headers[family + "date"], self.headers[family + "content-sha256"]
        then = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs(then.timestamp() - time.time()) > 900 or not stamp.startswith(day):
            raise Refusal(403, "RequestTimeTooSkewed")
        if hashlib.sha256(body).hexdigest() != hashed:
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        signed = parts["SignedHeaders"].split(";")
        must = [n.lower() for n in self.headers if n.lower().startswith(family)] + ["host"]
        must += [n for n in ("if-none-match", "range") if n in self.headers]
        if signed != sorted(signed) or not set(must) <= set(signed):
            raise Refusal(403, "AccessDenied", "headers are not signed")
        # By the escaping that was sent, which must be the canonical one.
        path = quote(unquote(self.raw_path), safe="/-_.~")
        pairs = sorted((quote(n, safe="-_.~"), quote(v, safe="-_.~")) for n, v in self.query.items())
        lines = "".join(f"{n}:{' '.join(self.headers[n].split())}\n" for n in signed)
        canonical = "\n".join([self.command, path, "&".join(f"{n}={v}" for n, v in pairs), lines,
                               ";".join(signed), hashed])
        scope = "/".join([day, region, service, last])
        if (service, last) != (("storage", "goog4_request") if google else ("s3", "aws4_request")):
            raise Refusal(400, "AuthorizationHeaderMalformed")
        text = "\n".join([name + "-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = (name + SECRET_KEY).encode()
        for part in (day, region, service, last):
            key = digest(key, part)
        if not hmac.compare_digest(digest(key, text).hex(), parts["Signature"]):
            raise Refusal(403, "SignatureDoesNotMatch")

    def check_shared_key(self, word, length):
        h = self.headers
        lines = [self.command, h.get("Content-Encoding", ""), h.get("Content-Language", ""),
                 str(length) if length else "", h.get("Content-MD5", ""), h.get("Content-Type", ""),
                 "", h.get("If-Modified-Since", ""), h.get("If-Match", ""), h.get("If-None-Match", ""),
                 h.get("If-Unmodified-Since", ""), h.get("Range", "")]
        lines += [f"{n.lower()}:{v.strip()}" for n, v in sorted((n.lower(), v) for n, v in h.items())
                  if n.startswith("x-ms-")]
        lines.append("/" + ACCOUNT + self.raw_path)
        lines += [f"{n}:{v}" for n, v in sorted(self.query.items())]
        mac = base64.b64encode(digest(base64.b64decode(ACCOUNT_KEY), "\n".join(lines))).decode()
        if word != f"SharedKey {ACCOUNT}:{mac}":
            raise Refusal(403, "AuthenticationFailed")

    # What is wanted?

    def store(self, body):
        self.check_sender(body)
        path = unquote(self.raw_path)
        host = self.headers["Host"].split(":")[0]
        if host.endswith(".localhost"):
            path = "/" + host[:-len(".localhost")] + path
        bucket, _, key = path[1:].partition("/")
        if bucket != BUCKET:
            raise Refusal(404, "ContainerNotFound" if self.is_azure() else "NoSuchBucket")
        with STORE.lock:
            if not key:
                return self.azure_list() if self.is_azure() else self.list()
            return {"GET": self.get, "HEAD": self.get, "PUT": self.put, "DELETE": self.delete}[self.command](key, body)

    def put(self, key, body):
        azure = self.is_azure()
        if azure and self.headers.get("x-ms-blob-type") != "BlockBlob":
            raise Refusal(400, "MissingRequiredHeader")
        absent = self.headers.get("If-None-Match") == "*" or self.headers.get("x-goog-if-generation-match") == "0"
        if absent and key in STORE.objects and not STORE.ignore_conditions:
            raise Refusal(409, "BlobAlreadyExists") if azure else Refusal(412, "PreconditionFailed")
        kept = {n.lower(): v for n, v in self.headers.items() if "-meta-" in n.lower()}
        STORE.objects[key] = (body, kept, time.time(), None)
        return 201 if azure else 200, b"", {"ETag": '"1"'}

    def get(self, key, _):
        if key not in STORE.objects:
            raise Refusal(404, "BlobNotFound" if self.is_azure() else "NoSuchKey")
        body, kept, when, _ = STORE.objects[key]
        headers = dict(kept, **{"Last-Modified": self.date_time_string(int(when))})
        if self.command == "HEAD":
            return 200, b"", dict(headers, **{"Content-Length": str(len(body))})
        wanted = self.headers.get("Range")
        if not wanted:
            return 200, body, headers
        first, last = (int(n) for n in wanted[len("bytes="):].split("-"))
        if first >= len(body):
            raise Refusal(416, "InvalidRange")
        return 206, body[first:last + 1], headers

    def delete(self, key, _):
        if self.is_azure() and key not in STORE.objects:
            raise Refusal(404, "BlobNotFound")
        STORE.objects.pop(key, None)
        return 202 if self.is_azure() else 204, b""

    def entries(self, prefix, after, limit):
        """Objects and prefixes directly below, in order, at most a page of them; and where it went on."""
        found, last, more = [], after, False
        for key in sorted(STORE.objects, key=str.encode):
            if not key.startswith(prefix) or key <= after or (found and found[-1][0] == "prefix" and key.startswith(found[-1][1])):
                continue
            if after.endswith("/") and key.startswith(after):
                continue
            if len(found) == min(limit, STORE.page):
                more = True
                break
            slash = key.find("/", len(prefix))
            found.append(("object", key) if slash < 0 else ("prefix", key[:slash + 1]))
            last = found[-1][1]
        return found, last if more else ""

    def list(self):
        q = self.query
        if q.get("list-type") != "2" or q.get("delimiter") != "/":
            raise Refusal(400, "InvalidArgument")
        after = base64.b64decode(q["continuation-token"]).decode() if "continuation-token" in q else q.get("start-after", "")
        found, more = self.entries(q.get("prefix", ""), after, int(q["max-keys"]))
        name = (lambda text: quote(text, safe="/").replace("%20", "+")) if q.get("encoding-type") == "url" else escape
        out = ["<?xml version='1.0' encoding='UTF-8'?>\n<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"]
        out.append(f"<Name>{BUCKET}</Name><IsTruncated>{'true' if more else 'false'}</IsTruncated>")
        if "encoding-type" in q:
            out.append("<EncodingType>url</EncodingType>")
        if more:
            out.append(f"<NextContinuationToken>{base64.b64encode(more.encode()).decode()}</NextContinuationToken>")
        for kind, key in found:
            if kind == "prefix":
                out.append(f"<CommonPrefixes><Prefix>{name(key)}</Prefix></CommonPrefixes>")
                continue
            body, _, when, _ = STORE.objects[key]
            iso = datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            etag = f"&quot;{hashlib.md5(body).hexdigest()}&quot;"
            out.append(f"<Contents><Key>{name(key)}</Key><LastModified>{iso}</LastModified><ETag>{etag}</ETag>"
                       f"<Size>{len(body)}</Size></Contents>")
        return 200, ("".join(out) + "</ListBucketResult>").encode()

    def azure_list(self):
        q = self.query
        if q.get("restype") != "container" or q.get("comp") != "list":
            raise Refusal(400, "InvalidQueryParameterValue")
        after = base64.b64decode(q["marker"]).decode() if "marker" in q else ""
        found, more = self.entries(q.get("prefix", ""), after, int(q["maxresults"]))
        out = ["\ufeff<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>"]
        for kind, key in found:
            if kind == "prefix":
                out.append(f"<BlobPrefix><Name>{escape(key)}</Name></BlobPrefix>")
                continue
            body, _, when, _ = STORE.objects[key]
            out.append(f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{self.date_time_string(int(when))}"
                       f"</Last-Modified><Etag>0x{hashlib.md5(body).hexdigest().upper()}</Etag>"
                       f"<Content-Length>{len(body)}</Content-Length></Properties></Blob>")
        marker = base64.b64encode(more.encode()).decode() if more else ""
        out.append(f"</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>")
        return 200, "".join(out).encode()


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
