"""STS through the unmodified SDKs: who is asking, and what AssumeRole refuses whoever asks."""

import json

import pytest

from sdk import refused
from sdk_ram import Identity, MODES, RawIdentity, root
from sdk_v2 import refused_v2


@pytest.fixture(scope="module")
def account(daemon):
    return daemon.credentials["AccountId"]


@pytest.fixture(scope="module")
def sts(daemon):
    return Identity("sts", daemon, **root(daemon))


@pytest.fixture(scope="module")
def role(daemon, account):
    ram = Identity("ram", daemon, **root(daemon))
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [f"acs:ram::{account}:root"]}}
    document = json.dumps({"Version": "1", "Statement": [trust]})
    return ram.call("CreateRole", RoleName="Deploy", AssumeRolePolicyDocument=document)["Role"]["Arn"]


@pytest.mark.parametrize("mode", MODES)
def test_root_is_the_account(daemon, account, mode):
    caller = Identity("sts", daemon, mode, **root(daemon)).call("GetCallerIdentity")
    request = caller.pop("RequestId")
    assert request
    assert caller == {
        "AccountId": account, "Arn": f"acs:ram::{account}:root", "IdentityType": "Account",
        "PrincipalId": account, "UserId": account,
    }


def test_the_v1_sdk_is_answered_the_same(daemon, account):
    caller = RawIdentity("sts", daemon, **root(daemon)).call("GetCallerIdentity")
    assert (caller["IdentityType"], caller["PrincipalId"]) == ("Account", account)
    assert "RoleId" not in caller


def test_root_assumes_no_role(daemon, sts, role):
    with refused_v2("NoPermission", 403, "Roles may not be assumed by root accounts."):
        sts.call("AssumeRole", RoleArn=role, RoleSessionName="ci-1")
    raw = RawIdentity("sts", daemon, **root(daemon))
    with refused("NoPermission", 403):
        raw.call("AssumeRole", RoleArn=role, RoleSessionName="ci-1")


@pytest.mark.parametrize("parameters, code", [
    ({"RoleArn": "role/Deploy"}, "InvalidParameter.RoleArn"),
    ({"RoleSessionName": "s"}, "InvalidParameter.RoleSessionName"),
    ({"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
    ({"DurationSeconds": 899}, "InvalidParameter.DurationSeconds"),
    ({"DurationSeconds": 43201}, "InvalidParameter.DurationSeconds"),
    ({"ExternalId": "x"}, "InvalidParameter.ExternalId"),
    ({"SourceIdentity": "a b"}, "InvalidParameter.SourceIdentity"),
    ({"Policy": "{}"}, "InvalidParameter.PolicyGrammar"),
    ({"Policy": " " * 2049}, "InvalidParameter.PolicySize"),
    ({"RoleArn": None}, "MissingParameter"),
    ({"RoleSessionName": None}, "MissingParameter"),
])
def test_a_request_that_is_wrong_opens_no_session(sts, role, parameters, code):
    good = {"RoleArn": role, "RoleSessionName": "ci-1"} | parameters
    with refused_v2(code, 400):
        sts.call("AssumeRole", **{name: value for name, value in good.items() if value is not None})


def test_root_is_not_even_told_whether_there_is_such_a_role(sts, account):
    with refused_v2("NoPermission", 403, "root accounts"):
        sts.call("AssumeRole", RoleArn=f"acs:ram::{account}:role/none", RoleSessionName="ci-1")


def test_a_token_that_is_none_is_refused(daemon):
    keys = root(daemon)
    for mode in MODES:
        with refused_v2("InvalidSecurityToken.Malformed", 400):
            Identity("sts", daemon, mode, **keys, security_token="token+/=").call("GetCallerIdentity")


def test_federation_is_not_served(sts):
    with refused_v2("UnsupportedOperation", 400):
        sts.call("AssumeRoleWithSAML", RoleArn="r", SAMLProviderArn="p", SAMLAssertion="a")


def test_the_log_of_all_this_is_lawful(daemon):
    for command in ("verify", "replay"):
        finished = daemon.command("log", command)
        assert finished.status == 0, finished
