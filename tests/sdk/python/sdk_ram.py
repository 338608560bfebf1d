"""The unmodified SDKs of RAM and STS: v2 as people write it today, v1 for the raw answers."""

import importlib
import json
import re

from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient

# How the SDKs of RAM and STS can sign; of version 4 only the one of KMS knows.
MODES = {"ACS3": {}, "HMAC-SHA1": {"signature_algorithm": "v2"}}

PRODUCTS = {"ram": (RamClient, ram_models), "sts": (StsClient, sts_models)}


def root(daemon):
    """The root access key, as the SDKs want it."""
    credentials = daemon.credentials
    return {
        "access_key_id": credentials["AccessKeyId"],
        "access_key_secret": credentials["AccessKeySecret"],
    }


def session(answer):
    """The credentials in AssumeRole's answer, as the SDKs want them."""
    credentials = answer["Credentials"]
    return {
        "access_key_id": credentials["AccessKeyId"],
        "access_key_secret": credentials["AccessKeySecret"],
        "security_token": credentials["SecurityToken"],
    }


class Identity:
    """Calls operations of one product by name through v2: `ram.call("CreateUser", UserName=...)`."""

    def __init__(self, product, daemon, mode="ACS3", **credentials):
        client, self.models = PRODUCTS[product]
        config = Config(endpoint=daemon.endpoint, protocol="http", region_id="cn-hangzhou", **MODES[mode], **credentials)
        self.client = client(config)

    def call(self, action, **parameters):
        """The answer as the SDK understood it, under its names on the wire."""
        # The SDK's names have no break inside an abbreviation.
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action).lower()
        method = getattr(self.client, name)
        request = getattr(self.models, f"{action}Request", None)
        answer = method(request().from_map(parameters)) if request else method()
        assert answer.status_code == 200
        return answer.body.to_map()


class RawIdentity:
    """Calls operations through v1, and gives the JSON as it was sent."""

    def __init__(self, product, daemon, access_key_id, access_key_secret, security_token=None):
        self.product, self.endpoint = product, daemon.endpoint
        if security_token is None:
            self.client = AcsClient(access_key_id, access_key_secret, "cn-hangzhou", auto_retry=False)
        else:
            credential = StsTokenCredential(access_key_id, access_key_secret, security_token)
            self.client = AcsClient(region_id="cn-hangzhou", credential=credential, auto_retry=False)

    def call(self, action, **parameters):
        """The answer's JSON; the SDK raises `ServerException` for a refusal."""
        version = {"ram": "v20150501", "sts": "v20150401"}[self.product]
        module = importlib.import_module(f"aliyunsdk{self.product}.request.{version}.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            request.add_query_param(name, value)
        request.set_endpoint(self.endpoint)
        request.set_protocol_type("http")
        return json.loads(self.client.do_action_with_exception(request))
