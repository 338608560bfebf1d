"""The unmodified v1 SDK over plain HTTP, and the refusals it reports."""

import contextlib
import functools
import importlib
import json
import re

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Sdk:
    """Calls operations by name: `sdk.call("Encrypt", KeyId=..., Plaintext=...)`."""

    def __init__(self, endpoint, access_key_id, access_key_secret, region="cn-hangzhou"):
        self.endpoint = endpoint
        # A test wants the first answer, not the best one.
        self.client = AcsClient(access_key_id, access_key_secret, region, auto_retry=False)

    @classmethod
    def of(cls, daemon):
        """With the credentials that the daemon wrote for its first user."""
        credentials = daemon.credentials
        return cls(
            daemon.endpoint,
            credentials["AccessKeyId"],
            credentials["AccessKeySecret"],
            credentials["Region"],
        )

    def call(self, action, **parameters):
        """The answer's JSON; the SDK raises `ServerException` for a refusal."""
        return json.loads(self.client.do_action_with_exception(self.request(action, **parameters)))

    def request(self, action, **parameters):
        """The SDK's own request class of this operation, pointed at the daemon."""
        module = importlib.import_module(f"aliyunsdkkms.request.v20160120.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            # The SDK is older than some parameters.
            setter = getattr(request, f"set_{name}", None) or functools.partial(request.add_query_param, name)
            setter(value)
        request.set_endpoint(self.endpoint)
        request.set_protocol_type("http")
        return request

    def key(self, **parameters):
        """A new key's id."""
        return self.call("CreateKey", **parameters)["KeyMetadata"]["KeyId"]

    def state(self, key):
        """The state of a key."""
        return self.call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"]


@contextlib.contextmanager
def refused(code, status, message=""):
    """What happens inside is refused with this code, this HTTP status, and a text that contains `message`."""
    with pytest.raises(ServerException) as caught:
        yield caught
    error = caught.value
    assert (error.get_error_code(), error.get_http_status()) == (code, status), error
    assert message in error.get_error_msg()
    assert UUID.fullmatch(error.get_request_id())


def flat(value, path=""):
    """Every scalar of a JSON answer, as text, under its path; the items of a list share theirs."""
    if isinstance(value, dict):
        return sorted(item for name, inner in value.items() for item in flat(inner, f"{path}/{name}"))
    if isinstance(value, list):
        return sorted(item for inner in value for item in flat(inner, path))
    return [(path, str(value).lower() if isinstance(value, bool) else str(value))]


def flat_xml(element, path=""):
    """The same of an XML answer."""
    if len(element):
        return sorted(item for inner in element for item in flat_xml(inner, f"{path}/{inner.tag}"))
    return [(path, element.text or "")]
