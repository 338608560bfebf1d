"""What policies and trust policies allow, end to end: users and sessions at work."""

import base64
import json

import pytest

from daemon import run
from sdk_ram import Identity, MODES, RawIdentity, root, session
from sdk_v2 import SdkV2, refused_v2

ASSUME = {"PolicyType": "System", "PolicyName": "AliyunSTSAssumeRoleAccess"}
USE_KEYS = {"PolicyType": "System", "PolicyName": "AliyunKMSCryptoUserAccess"}


def document(**statement):
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", **statement}]})


def trust(principal, **condition):
    return document(Action="sts:AssumeRole", Principal={"RAM": [principal]}, **condition)


@pytest.fixture(scope="module")
def account(daemon):
    return daemon.credentials["AccountId"]


@pytest.fixture(scope="module")
def ram(daemon):
    return Identity("ram", daemon, **root(daemon))


@pytest.fixture(scope="module")
def key(daemon):
    return SdkV2.of("ACS3", daemon).key()


@pytest.fixture
def user(ram, request):
    """A user of the test's own, with an access key: its name, and its credentials."""
    name = f"user-{abs(hash(request.node.nodeid)):x}"
    ram.call("CreateUser", UserName=name)
    made = ram.call("CreateAccessKey", UserName=name)["AccessKey"]
    return name, {"access_key_id": made["AccessKeyId"], "access_key_secret": made["AccessKeySecret"]}


@pytest.fixture
def role(ram, account, request):
    """A role of the test's own, which trusts the whole account: its name and ARN."""
    name = f"role-{abs(hash(request.node.nodeid)):x}"
    made = ram.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust(f"acs:ram::{account}:root"))
    return name, made["Role"]["Arn"]


def kms(daemon, mode="ACS3", **credentials):
    return SdkV2(mode, daemon.endpoint, **credentials)


def encrypt(sdk, key):
    return sdk.call("Encrypt", KeyId=key, Plaintext=base64.b64encode(b"text").decode())


def test_a_user_may_what_its_policies_allow_and_nothing_else(daemon, ram, user, key):
    name, credentials = user
    sdk = kms(daemon, **credentials)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)
    ram.call("AttachPolicyToUser", UserName=name, **USE_KEYS)
    encrypt(sdk, key)
    with refused_v2("Forbidden.NoPermission", 403):
        sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    ram.call("DetachPolicyFromUser", UserName=name, **USE_KEYS)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)


def test_a_group_passes_its_policies_on(daemon, ram, user, key):
    name, credentials = user
    ram.call("CreateGroup", GroupName="crypto")
    ram.call("AttachPolicyToGroup", GroupName="crypto", **USE_KEYS)
    sdk = kms(daemon, **credentials)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)
    ram.call("AddUserToGroup", UserName=name, GroupName="crypto")
    encrypt(sdk, key)
    ram.call("RemoveUserFromGroup", UserName=name, GroupName="crypto")
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)


def test_another_default_version_counts_at_once(daemon, ram, user, key):
    name, credentials = user
    ram.call("CreatePolicy", PolicyName=name, PolicyDocument=document(Action="kms:Encrypt", Resource="*"))
    ram.call("AttachPolicyToUser", UserName=name, PolicyType="Custom", PolicyName=name)
    sdk = kms(daemon, **credentials)
    encrypt(sdk, key)
    other = document(Action="kms:Decrypt", Resource="*")
    ram.call("CreatePolicyVersion", PolicyName=name, PolicyDocument=other, SetAsDefault=True)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)
    ram.call("SetDefaultPolicyVersion", PolicyName=name, VersionId="v1")
    encrypt(sdk, key)


@pytest.mark.parametrize("mode", MODES)
def test_a_session_may_what_its_role_may(daemon, ram, user, role, key, account, mode):
    name, credentials = user
    role_name, arn = role
    sts = Identity("sts", daemon, mode, **credentials)
    with refused_v2("NoPermission", 403):
        sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1")
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    # The role's name is compared ignoring case.
    answer = sts.call("AssumeRole", RoleArn=arn.upper().replace("ACS:RAM::", "acs:ram::").replace("ROLE/", "role/"),
                      RoleSessionName="ci-1", DurationSeconds=900, SourceIdentity="alice")
    assert answer["AssumedRoleUser"]["Arn"] == f"{arn}/ci-1"
    assert answer["SourceIdentity"] == "alice"
    opened = session(answer)
    caller = Identity("sts", daemon, mode, **opened).call("GetCallerIdentity")
    assert caller["Arn"] == f"acs:ram::{account}:assumed-role/{role_name}/ci-1"
    assert caller["PrincipalId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    raw = RawIdentity("sts", daemon, **opened).call("GetCallerIdentity")
    assert (raw["IdentityType"], raw["RoleId"]) == ("AssumedRoleUser", caller["RoleId"])
    assert "UserId" not in raw

    sdk = kms(daemon, mode, **opened)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)
    ram.call("AttachPolicyToRole", RoleName=role_name, **USE_KEYS)
    encrypt(sdk, key)
    ram.call("DetachPolicyFromRole", RoleName=role_name, **USE_KEYS)
    ram.call("DeleteRole", RoleName=role_name)
    with refused_v2("InvalidSecurityToken.Expired", 400):
        encrypt(sdk, key)


def test_a_session_policy_only_takes_away(daemon, ram, user, role, key):
    name, credentials = user
    role_name, arn = role
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    ram.call("AttachPolicyToRole", RoleName=role_name, **USE_KEYS)
    sts = Identity("sts", daemon, **credentials)
    narrow = document(Action=["kms:Decrypt", "kms:ScheduleKeyDeletion"], Resource="*")
    opened = session(sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1", Policy=narrow))
    sdk = kms(daemon, **opened)
    with refused_v2("Forbidden.NoPermission", 403):
        encrypt(sdk, key)
    with refused_v2("Forbidden.NoPermission", 403):
        sdk.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    blob = encrypt(SdkV2.of("ACS3", daemon), key)["CiphertextBlob"]
    assert base64.b64decode(sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"]) == b"text"


def test_a_role_is_assumed_by_those_it_names_and_with_its_external_id(daemon, ram, user, account):
    name, credentials = user
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    sts = Identity("sts", daemon, **credentials)
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "ticket-1"}}}
    made = ram.call(
        "CreateRole", RoleName=f"for-{name}",
        AssumeRolePolicyDocument=trust(f"acs:ram::{account}:user/{name}", **condition),
    )["Role"]
    for more in ({}, {"ExternalId": "ticket-2"}):
        with refused_v2("NoPermission", 403):
            sts.call("AssumeRole", RoleArn=made["Arn"], RoleSessionName="ci-1", **more)
    sts.call("AssumeRole", RoleArn=made["Arn"], RoleSessionName="ci-1", ExternalId="ticket-1")
    other = trust(f"acs:ram::{account}:user/somebody-else")
    ram.call("UpdateRole", RoleName=f"for-{name}", NewAssumeRolePolicyDocument=other)
    with refused_v2("NoPermission", 403):
        sts.call("AssumeRole", RoleArn=made["Arn"], RoleSessionName="ci-1", ExternalId="ticket-1")


def test_a_session_lasts_no_longer_than_its_role_allows(daemon, ram, user, role):
    name, credentials = user
    role_name, arn = role
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    sts = Identity("sts", daemon, **credentials)
    with refused_v2("InvalidParameter.DurationSeconds", 400):
        sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1", DurationSeconds=7200)
    ram.call("UpdateRole", RoleName=role_name, NewMaxSessionDuration=7200)
    sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1", DurationSeconds=7200)


def test_a_session_assumes_the_next_role_and_passes_its_source_on(daemon, ram, user, role, account):
    name, credentials = user
    role_name, arn = role
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    ram.call("AttachPolicyToRole", RoleName=role_name, **ASSUME)
    second = ram.call(
        "CreateRole", RoleName=f"next-{role_name}",
        AssumeRolePolicyDocument=trust(f"acs:ram::{account}:role/{role_name}"),
    )["Role"]["Arn"]
    first = Identity("sts", daemon, **credentials)
    with refused_v2("NoPermission", 403):
        first.call("AssumeRole", RoleArn=second, RoleSessionName="ci-1")
    opened = session(first.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1", SourceIdentity="alice"))
    chained = Identity("sts", daemon, **opened).call(
        "AssumeRole", RoleArn=second, RoleSessionName="ci-2", SourceIdentity="bob",
    )
    assert chained["SourceIdentity"] == "alice"


def test_names_are_not_probed(daemon, user):
    """Whoever has no right on them can't tell what exists from what does not."""
    _, credentials = user
    ram = Identity("ram", daemon, **credentials)
    for name in ("nobody", user[0]):
        with refused_v2("NoPermission", 403):
            ram.call("GetUser", UserName=name)
    with refused_v2("NoPermission", 403):
        Identity("sts", daemon, **credentials).call(
            "AssumeRole", RoleArn=f"acs:ram::{daemon.credentials['AccountId']}:role/none", RoleSessionName="ci-1",
        )


def test_a_role_that_is_not_there_is_told_to_those_alone_who_may_assume_it(daemon, ram, user, account):
    name, credentials = user
    sts = Identity("sts", daemon, **credentials)
    arns = (f"acs:ram::{account}:role/none", "acs:ram::1000000000000001:role/none")
    for arn in arns:
        with refused_v2("NoPermission", 403):
            sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1")
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    for arn in arns:
        with refused_v2("EntityNotExist.Role", 404):
            sts.call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1")


def test_the_command_line_takes_the_credentials_as_they_are_answered(daemon, ram, user, role, account, tmp_path):
    name, credentials = user
    role_name, arn = role
    ram.call("AttachPolicyToUser", UserName=name, **ASSUME)
    answer = Identity("sts", daemon, **credentials).call("AssumeRole", RoleArn=arn, RoleSessionName="ci-1")
    file = tmp_path / "session.json"
    file.write_text(json.dumps(answer["Credentials"]))
    finished = run("sts", "GetCallerIdentity", "--endpoint", f"http://{daemon.endpoint}", "--access-key-file", file)
    assert finished.status == 0, finished
    assert finished.json["Arn"] == f"acs:ram::{account}:assumed-role/{role_name}/ci-1"


def test_the_log_of_all_this_is_lawful(daemon):
    for command in ("verify", "replay"):
        finished = daemon.command("log", command)
        assert finished.status == 0, finished
