"""The strict S3 server of tests/stores as a child process, and what a server needs to keep its lake in it."""
import json
import subprocess
import sys
import urllib.request

from harness import SOURCE


class ObjectStore:
    """An empty bucket "lake"; its objects are gone with it."""

    url = "s3://lake/plant/one"

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, SOURCE / "tests" / "stores" / "store_server.py"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.env = {"BATUTA_LAKE_URL": self.url, "BATUTA_STORE_ENDPOINT": self.address, "AWS_REGION": "eu-west-1",
                    "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret/of+the=tests"}

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
