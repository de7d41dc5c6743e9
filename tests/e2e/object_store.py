"""Object stores as processes, and what a server needs to keep its lake in one."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from email.utils import formatdate

from harness import SOURCE

AZURITE = SOURCE / "tests" / "stores" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCESS_KEY, SECRET = "AKIATEST", "secret/of+the=tests"


class ObjectStore:
    """An empty bucket "lake" that speaks S3, Google's dialect ("gs") and Azure's ("azblob"); its objects are gone with it."""

    def __init__(self, kind="s3"):
        self.process = subprocess.Popen([sys.executable, SOURCE / "tests" / "stores" / "store_server.py"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.url = {"s3": "s3://lake/plant/one", "gs": "gs://lake/plant/one", "azblob": "azblob://lakeaccount/lake/plant/one"}[kind]
        self.env = {"BATUTA_LAKE_URL": self.url, "BATUTA_STORE_ENDPOINT": self.address, **{
            "s3": {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
            "gs": {"GS_ACCESS_KEY_ID": ACCESS_KEY, "GS_SECRET_ACCESS_KEY": SECRET},
            "azblob": {"AZURE_STORAGE_KEY": base64.b64encode(b"the key of the account").decode()}}[kind]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def control(self, **wish):
        """See the script. What was asked before is forgotten, and faults are those given."""
        request = urllib.request.Request(self.address + "/_control", method="PUT", data=json.dumps(wish).encode())
        with urllib.request.urlopen(request, timeout=20):
            pass

    def asked(self):
        """("PUT", "silver/shop/orders/…") of each request since the last call, below the lake's prefix."""
        with urllib.request.urlopen(self.address + "/_control", timeout=20) as answer:
            asked = json.loads(answer.read())
        return [(one["method"], one["path"].partition("/lake/plant/one/")[2].partition("?")[0]) for one in asked]


class Azurite:
    """Microsoft's own stand-in for Azure Blob Storage, with an empty container "lake"."""

    account = "plant"

    def __init__(self):
        key = base64.b64encode(os.urandom(64)).decode()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            ["node", AZURITE, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--inMemoryPersistence", "--silent",
             "--disableTelemetry", "--skipApiVersionCheck"], env={**os.environ, "AZURITE_ACCOUNTS": f"{self.account}:{key}"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"azblob://{self.account}/lake/plant/one"
        self.env = {"BATUTA_LAKE_URL": self.url, "AZURE_STORAGE_KEY": key,
                    "BATUTA_STORE_ENDPOINT": f"http://127.0.0.1:{self.port}/{self.account}"}
        deadline = time.monotonic() + 60
        while not self.has_container(base64.b64decode(key)):
            assert self.process.poll() is None and time.monotonic() < deadline, "Azurite does not answer"
            time.sleep(0.05)

    @staticmethod
    def there():
        return AZURITE.exists() and shutil.which("node") is not None

    def has_container(self, key):
        now = formatdate(usegmt=True)
        headers = {"x-ms-date": now, "x-ms-version": "2021-12-02"}
        text = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in headers.items())
        text += f"/{self.account}/{self.account}/lake\nrestype:container"
        signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            client.request("PUT", f"/{self.account}/lake?restype=container",
                           headers={**headers, "Authorization": f"SharedKey {self.account}:{signature}", "Content-Length": "0"})
            return client.getresponse().status in (201, 409)
        except OSError:
            return False
        finally:
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
