"""The same walk with Airflow's official Python client, unchanged, which validates every answer by itself.

Opt-in: ./dev test client. It needs apache-airflow-client, which that installs into an environment of its own. What an
older client has not is called by plain HTTP.
"""
import inspect
import json
import sys
import time
import typing

from airflow_http import Walk
from airflow_steps import IDS, PARTS, walk_server
from harness import SKIPPED, Folder, main

try:
    import airflow_client.client as airflow
    from airflow_client.client import api
except ImportError:
    print("apache-airflow-client is not installed: ./dev test client installs it")
    sys.exit(SKIPPED)


def operations():
    """{operation id: (class of the client, its method, its signature)}"""
    found = {}
    for name in dir(api):
        kind = getattr(api, name)
        for method in dir(kind) if inspect.isclass(kind) else ():
            if method.endswith("_with_http_info"):
                of = getattr(kind, method)
                found[method.removesuffix("_with_http_info")] = (kind, of, inspect.signature(of))
    return found


OPERATIONS = operations()
# They lead to a page, which the client follows and does not understand, as with Airflow's.
LEAD_ELSEWHERE = {"login", "logout"}
# The client takes no dry run of a run's clear that touches anything, from Airflow neither: its document says that a
# task instance is exactly one of two things, of which the one has all that the other must have.
BEYOND_THE_CLIENT = "Multiple matches found when deserializing the JSON string into TaskInstancesInner"


class ClientWalk:
    def __init__(self, server):
        self.server, self.visited, self.wrong = server, set(), []
        configuration = airflow.Configuration(host=server.url, access_token=server.token)
        self.client = airflow.ApiClient(configuration)
        self.plain = Walk(server)

    def arguments(self, signature, body, query, headers, ids):
        given = {**(query or {}), **{name.lower().replace("-", "_"): value for name, value in (headers or {}).items()}}
        chosen = {}
        for name, parameter in signature.parameters.items():
            kind = parameter.annotation
            optional = [one for one in typing.get_args(kind) if hasattr(one, "from_dict")]
            kind = optional[0] if optional else kind
            if name in given:
                value = {"true": True, "false": False}.get(given[name], given[name])
                chosen[name] = [value] if "List[" in str(kind) and not isinstance(value, list) else value
            elif hasattr(kind, "from_dict"):
                if body is not None or parameter.default is inspect.Parameter.empty:
                    chosen[name] = kind.from_dict(body)
            elif name in ids:
                chosen[name] = ids[name]
            elif name in IDS and parameter.default is inspect.Parameter.empty:
                chosen[name] = IDS[name]
        return chosen

    def call(self, operation_id, status, body=None, query=None, headers=None, token=True, **ids):
        if operation_id not in OPERATIONS:
            return self.plain.call(operation_id, status, body, query, headers, token, **ids)
        kind, method, signature = OPERATIONS[operation_id]
        self.visited.add(operation_id)
        try:
            arguments = self.arguments(signature, body, query, headers, ids)
        except ValueError as error:  # the client refuses what the server would refuse
            if status < 400:
                self.wrong.append(f"{operation_id}: {error}")
            return None
        if body and not any(hasattr(one, "to_dict") for one in arguments.values()):
            return self.plain.call(operation_id, status, body, query, headers, token, **ids)  # an older one sends none
        try:
            answer = method(kind(self.client), **arguments)
            got, text = answer.status_code, answer.raw_data
        except airflow.ApiException as error:
            got, text = error.status, None
        except ValueError as error:  # its validation of the answer, or of what it was given
            refused = status >= 400 and error.__class__.__name__ == "ValidationError"
            if not refused and BEYOND_THE_CLIENT not in str(error):
                self.wrong.append(f"{operation_id}: {str(error)[:600]}")
            return None
        if operation_id in LEAD_ELSEWHERE:
            return None
        if got != status and not (status == 422 and got >= 400):  # it adds what a body lacks
            self.wrong.append(f"{operation_id}: {got} instead of {status}: {str(text)[:300]}")
            return None
        return json.loads(text) if text else None

    def every(self, operation_ids, status, **more):
        for operation_id in operation_ids:
            self.call(operation_id, status, **more)


def the_official_client_goes_through_every_operation():
    """apache-airflow-client calls each of its operations and takes each answer."""
    started = time.monotonic()
    with Folder("client") as folder:
        server = walk_server(folder)
        walk = ClientWalk(server)
        for part in PARTS:
            part(walk)
        assert walk.visited == set(OPERATIONS), set(OPERATIONS) - walk.visited
        wrong = walk.wrong + walk.plain.wrong
        assert not wrong, "\n" + "\n".join(wrong)
    print(f"airflow client {airflow.__version__}: {len(OPERATIONS)} operations in {time.monotonic() - started:.1f} s")


main([the_official_client_goes_through_every_operation])
