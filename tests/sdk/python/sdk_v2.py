"""The unmodified v2 SDK (`alibabacloud-kms20160120`) in its three modes, and the refusals it reports."""

import contextlib
import re

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from Tea.exceptions import TeaException

from sdk import UUID

# How the SDK is told to sign, by the name of the signature.
MODES = {
    "ACS3": {},
    "HMAC-SHA1": {"signature_algorithm": "v2"},
    "ACS4": {"signature_version": "v4"},
}


class SdkV2:
    """Calls operations by name, as `Sdk` does: `sdk.call("Encrypt", KeyId=..., Plaintext=...)`."""

    def __init__(self, mode, endpoint, access_key_id, access_key_secret, region="cn-hangzhou", **more):
        self.mode = mode
        self.client = Client(Config(
            endpoint=endpoint,
            protocol="http",
            region_id=region,
            access_key_id=access_key_id,
            access_key_secret=access_key_secret,
            **MODES[mode],
            **more,
        ))

    @classmethod
    def of(cls, mode, daemon, **more):
        """With the credentials that the daemon wrote for its first user."""
        credentials = daemon.credentials
        known = {
            "access_key_id": credentials["AccessKeyId"],
            "access_key_secret": credentials["AccessKeySecret"],
            "region": credentials["Region"],
        }
        return cls(mode, daemon.endpoint, **(known | more))

    def call(self, action, **parameters):
        """The answer as the SDK understood it, under its names on the wire."""
        method = getattr(self.client, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())
        request = getattr(models, f"{action}Request", None)
        answer = method(request().from_map(parameters)) if request else method()
        assert answer.status_code == 200
        return answer.body.to_map()

    def key(self, **parameters):
        """A new key's id."""
        return self.call("CreateKey", **parameters)["KeyMetadata"]["KeyId"]


@contextlib.contextmanager
def refused_v2(code, status, message=""):
    """What happens inside is refused with this code, this HTTP status, and a text that contains `message`."""
    # The signature of ACS4 has a client, and an exception, of its own.
    with pytest.raises((AlibabaCloudException, TeaException)) as caught:
        yield caught
    error = caught.value
    status_found = getattr(error, "status_code", None) or getattr(error, "statusCode", None)
    assert (error.code, status_found) == (code, status), error
    assert message in error.message
    assert UUID.search(error.message)
