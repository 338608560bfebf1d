"""RAM through the unmodified SDKs, as the account's root: every operation, its pages and its refusals."""

import json

import pytest

from sdk import DATE
from sdk_ram import Identity, MODES, RawIdentity, root
from sdk_v2 import refused_v2

READ_KEYS = json.dumps({
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": ["kms:List*", "kms:Describe*"], "Resource": "*"}],
})
OTHER = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]})


def trust(principal):
    return json.dumps({
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [principal]}}],
    })


@pytest.fixture(scope="module")
def account(daemon):
    return daemon.credentials["AccountId"]


@pytest.fixture(scope="module")
def ram(daemon):
    return Identity("ram", daemon, **root(daemon))


@pytest.fixture(scope="module")
def raw(daemon):
    return RawIdentity("ram", daemon, **root(daemon))


@pytest.mark.parametrize("mode", MODES)
def test_both_signatures_work(daemon, mode, account):
    ram = Identity("ram", daemon, mode, **root(daemon))
    name = f"signed-{mode}"
    user = ram.call("CreateUser", UserName=name, DisplayName="a name + more ~ *", Comments="ä=&%")["User"]
    assert (user["UserName"], user["DisplayName"], user["Comments"]) == (name, "a name + more ~ *", "ä=&%")
    document = '{ "Version" : "1", "Statement": [{"Effect":"Allow","Action":"kms:*","Resource":"*"}] }\n'
    ram.call("CreatePolicy", PolicyName=name, PolicyDocument=document)
    kept = ram.call("GetPolicy", PolicyType="Custom", PolicyName=name)["DefaultPolicyVersion"]["PolicyDocument"]
    assert kept == document, "byte for byte"


# --- roles -----------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_role(ram, account):
    document = trust(f"acs:ram::{account}:root")
    made = ram.call(
        "CreateRole", RoleName="Deploy", AssumeRolePolicyDocument=document, Description="for deploys",
        MaxSessionDuration=7200, AllowConsoleLogin=False, Tag=[{"Key": "team", "Value": "payroll"}],
    )["Role"]
    assert made["Arn"] == f"acs:ram::{account}:role/Deploy"
    assert made["RoleId"].isdigit() and len(made["RoleId"]) == 18 and made["RoleId"][0] == "3"
    assert (made["MaxSessionDuration"], made["AllowConsoleLogin"]) == (7200, False)
    assert made["AssumeRolePolicyDocument"] == document
    assert DATE.fullmatch(made["CreateDate"])

    found = ram.call("GetRole", RoleName="Deploy")["Role"]
    assert {name: found[name] for name in made} == made
    updated = ram.call("UpdateRole", RoleName="Deploy", NewDescription="", NewMaxSessionDuration=3600)["Role"]
    assert (updated["Description"], updated["MaxSessionDuration"]) == ("", 3600)
    assert updated["AssumeRolePolicyDocument"] == document, "what is absent stays"

    with refused_v2("EntityAlreadyExists.Role", 409):
        ram.call("CreateRole", RoleName="DEPLOY", AssumeRolePolicyDocument=document)
    with refused_v2("EntityNotExist.Role", 404):
        ram.call("GetRole", RoleName="deploy")
    assert set(ram.call("DeleteRole", RoleName="Deploy")) == {"RequestId"}
    with refused_v2("EntityNotExist.Role", 404):
        ram.call("DeleteRole", RoleName="Deploy")


def test_roles_are_listed_by_name_in_pages(ram, raw, account):
    names = [f"page-{n}" for n in range(5)]
    for name in reversed(names):
        tags = [{"Key": "page", "Value": name}] if name != "page-4" else []
        ram.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust(f"acs:ram::{account}:root"), Tag=tags)
    seen, marker = [], None
    while True:
        more = {"Marker": marker} if marker else {}
        page = ram.call("ListRoles", MaxItems=2, **more)
        seen += [role["RoleName"] for role in page["Roles"]["Role"]]
        assert page["IsTruncated"] == ("Marker" in page)
        # What is deleted meanwhile makes the list skip nothing that stays.
        if seen[-1] == "page-1":
            ram.call("DeleteRole", RoleName="page-1")
        if not page["IsTruncated"]:
            break
        marker = page["Marker"]
    assert [name for name in seen if name.startswith("page-")] == names
    assert seen == sorted(seen)

    tagged = ram.call("ListRoles", Tag=[{"Key": "page"}])["Roles"]["Role"]
    assert [role["RoleName"] for role in tagged] == ["page-0", "page-2", "page-3"]
    one = ram.call("ListRoles", Tag=[{"Key": "page", "Value": "page-2"}])["Roles"]["Role"]
    assert one[0]["Tags"]["Tag"] == [{"TagKey": "page", "TagValue": "page-2"}]
    assert "AssumeRolePolicyDocument" not in raw.call("ListRoles")["Roles"]["Role"][0]

    with refused_v2("InvalidParameter.Marker", 400):
        ram.call("ListRoles", Marker="nonsense")
    with refused_v2("InvalidParameter.Marker", 400):
        ram.call("ListPolicies", Marker=marker)
    with refused_v2("InvalidParameter.MaxItems", 400):
        ram.call("ListRoles", MaxItems=1001)


@pytest.mark.parametrize("parameters, code", [
    ({"RoleName": "a b"}, "InvalidParameter.RoleName.InvalidChars"),
    ({"RoleName": "r" * 65}, "InvalidParameter.RoleName.Length"),
    ({"RoleName": "AliyunServiceRoleForX"}, "InvalidParameter.RoleName.InvalidChars"),
    ({"AssumeRolePolicyDocument": "{}"}, "MalformedPolicyDocument"),
    ({"AssumeRolePolicyDocument": READ_KEYS}, "MalformedPolicyDocument"),
    ({"AssumeRolePolicyDocument": " " * 2049}, "InvalidParameter.AssumeRolePolicyDocument.Length"),
    ({"MaxSessionDuration": 3599}, "InvalidParameter.MaxSessionDuration.Range"),
    ({"Description": "d" * 1025}, "InvalidParameter.Description.Length"),
    ({"Tag": [{"Key": "acs:x", "Value": "v"}]}, "InvalidParameter.Tag"),
    ({"RoleName": None}, "MissingParameter"),
    ({"AssumeRolePolicyDocument": None}, "MissingParameter"),
])
def test_a_role_that_is_wrong_is_not_made(ram, account, parameters, code):
    good = {"RoleName": "never", "AssumeRolePolicyDocument": trust(f"acs:ram::{account}:root")}
    with refused_v2(code, 400):
        ram.call("CreateRole", **{name: value for name, value in (good | parameters).items() if value is not None})
    with refused_v2("EntityNotExist.Role", 404):
        ram.call("GetRole", RoleName="never")


# --- policies --------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_policy(ram):
    made = ram.call("CreatePolicy", PolicyName="readers", PolicyDocument=READ_KEYS, Description="see keys")["Policy"]
    assert (made["PolicyType"], made["DefaultVersion"], made["Description"]) == ("Custom", "v1", "see keys")
    found = ram.call("GetPolicy", PolicyType="Custom", PolicyName="readers")
    assert found["DefaultPolicyVersion"]["PolicyDocument"] == READ_KEYS
    assert found["Policy"]["AttachmentCount"] == 0
    described = ram.call("UpdatePolicyDescription", PolicyName="readers", NewDescription="")["Policy"]
    assert described["Description"] == ""
    with refused_v2("EntityAlreadyExists.Policy", 409):
        ram.call("CreatePolicy", PolicyName="READERS", PolicyDocument=OTHER)
    with refused_v2("EntityAlreadyExists.Policy", 409):
        ram.call("CreatePolicy", PolicyName="AdministratorAccess", PolicyDocument=OTHER)
    ram.call("DeletePolicy", PolicyName="readers")
    with refused_v2("EntityNotExist.Policy", 404):
        ram.call("GetPolicy", PolicyType="Custom", PolicyName="readers")


def versions(ram, name):
    listed = ram.call("ListPolicyVersions", PolicyType="Custom", PolicyName=name)["PolicyVersions"]["PolicyVersion"]
    return [(row["VersionId"], row["IsDefaultVersion"]) for row in listed]


def test_a_policy_has_five_versions_and_the_oldest_idle_one_makes_room(ram):
    ram.call("CreatePolicy", PolicyName="versions", PolicyDocument=READ_KEYS)
    for n in range(2, 6):
        made = ram.call("CreatePolicyVersion", PolicyName="versions", PolicyDocument=OTHER)["PolicyVersion"]
        assert (made["VersionId"], made["IsDefaultVersion"], made["PolicyDocument"]) == (f"v{n}", False, OTHER)
    with refused_v2("LimitExceeded.Policy.Version", 409):
        ram.call("CreatePolicyVersion", PolicyName="versions", PolicyDocument=OTHER)
    rotate = {"RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded"}
    ram.call("CreatePolicyVersion", PolicyName="versions", PolicyDocument=OTHER, SetAsDefault=True, **rotate)
    assert versions(ram, "versions") == [("v6", True), ("v5", False), ("v4", False), ("v3", False), ("v1", False)]
    with refused_v2("EntityNotExist.Policy.Version", 404):
        ram.call("GetPolicyVersion", PolicyType="Custom", PolicyName="versions", VersionId="v2")
    with refused_v2("DeleteConflict.Policy.Version.Default", 409):
        ram.call("DeletePolicyVersion", PolicyName="versions", VersionId="v6")
    ram.call("SetDefaultPolicyVersion", PolicyName="versions", VersionId="v1")
    ram.call("SetDefaultPolicyVersion", PolicyName="versions", VersionId="v1")
    ram.call("DeletePolicyVersion", PolicyName="versions", VersionId="v6")
    one = ram.call("GetPolicyVersion", PolicyType="Custom", PolicyName="versions", VersionId="v1")["PolicyVersion"]
    assert (one["IsDefaultVersion"], one["PolicyDocument"]) == (True, READ_KEYS)
    with refused_v2("DeleteConflict.Policy.Version", 409):
        ram.call("DeletePolicy", PolicyName="versions")
    ram.call("DeletePolicy", PolicyName="versions", CascadingDelete=True)


def test_system_policies_are_there_and_only_looked_at(ram):
    listed = ram.call("ListPolicies", PolicyType="System", MaxItems=1000)["Policies"]["Policy"]
    names = [policy["PolicyName"] for policy in listed]
    assert names == sorted(names)
    assert {"AdministratorAccess", "AliyunSTSAssumeRoleAccess", "AliyunKMSFullAccess"} <= set(names)
    for name in names:
        policy = ram.call("GetPolicy", PolicyType="System", PolicyName=name)
        assert policy["Policy"]["DefaultVersion"] == "v1"
        assert json.loads(policy["DefaultPolicyVersion"]["PolicyDocument"])["Version"] == "1"
    with refused_v2("EntityNotExist.Policy", 404):
        ram.call("DeletePolicy", PolicyName="AdministratorAccess")
    with refused_v2("EntityNotExist.Policy", 404):
        ram.call("GetPolicy", PolicyType="System", PolicyName="readers")
    with refused_v2("InvalidParameter.PolicyType", 400):
        ram.call("GetPolicy", PolicyType="system", PolicyName="AdministratorAccess")


def test_policies_are_listed_system_ones_first_in_pages(ram):
    for name in ("Zebra", "apple", "Mango"):
        ram.call("CreatePolicy", PolicyName=name, PolicyDocument=OTHER)
    seen, more = [], {}
    while True:
        page = ram.call("ListPolicies", MaxItems=4, **more)
        seen += [(policy["PolicyType"], policy["PolicyName"]) for policy in page["Policies"]["Policy"]]
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    assert len(seen) == len(set(seen))
    kinds = [kind for kind, _ in seen]
    assert kinds == sorted(kinds, reverse=True), "System before Custom"
    for kind in ("System", "Custom"):
        names = [name for other, name in seen if other == kind]
        assert names == sorted(names)


@pytest.mark.parametrize("document, code, message", [
    ("{}", "MalformedPolicyDocument", "Version"),
    ("{", "MalformedPolicyDocument", "line 1"),
    ('{"Version":"1","Statement":[{"Effect":"Allow","Action":"Encrypt","Resource":"*"}]}', "MalformedPolicyDocument", "Action"),
    (trust("acs:ram::1000000000000001:root"), "MalformedPolicyDocument", "Principal"),
    (" " * 6145, "InvalidParameter.PolicyDocument.Length", "6144"),
])
def test_a_policy_that_does_not_read_is_not_stored(ram, document, code, message):
    with refused_v2(code, 400, message):
        ram.call("CreatePolicy", PolicyName="broken", PolicyDocument=document)
    with refused_v2("EntityNotExist.Policy", 404):
        ram.call("GetPolicy", PolicyType="Custom", PolicyName="broken")


# --- attachments -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holders(ram, account):
    """One of each kind: the end of the operation's name, its parameter, its entity in codes."""
    ram.call("CreateUser", UserName="holder")
    ram.call("CreateGroup", GroupName="holder")
    ram.call("CreateRole", RoleName="holder", AssumeRolePolicyDocument=trust(f"acs:ram::{account}:root"))
    return {kind: {f"{kind}Name": "holder"} for kind in ("User", "Group", "Role")}


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
def test_policies_are_attached_and_detached_once(ram, holders, kind):
    holder = holders[kind]
    name = f"attached-{kind}"
    ram.call("CreatePolicy", PolicyName=name, PolicyDocument=OTHER, Description="one")
    custom = {"PolicyType": "Custom", "PolicyName": name}
    system = {"PolicyType": "System", "PolicyName": "AliyunKMSReadOnlyAccess"}
    for policy in (custom, system):
        ram.call(f"AttachPolicyTo{kind}", **policy, **holder)
        with refused_v2(f"EntityAlreadyExists.{kind}.Policy", 409):
            ram.call(f"AttachPolicyTo{kind}", **policy, **holder)
    listed = ram.call(f"ListPoliciesFor{kind}", **holder)["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in listed] == [name, "AliyunKMSReadOnlyAccess"]
    assert (listed[0]["PolicyType"], listed[0]["DefaultVersion"], listed[0]["Description"]) == ("Custom", "v1", "one")
    assert DATE.fullmatch(listed[0]["AttachDate"])

    entities = ram.call("ListEntitiesForPolicy", **custom)
    for other in ("User", "Group", "Role"):
        names = [entity[f"{other}Name"] for entity in entities[f"{other}s"][other]]
        assert names == (["holder"] if other == kind else [])
    assert ram.call("GetPolicy", **custom)["Policy"]["AttachmentCount"] == 1
    with refused_v2(f"DeleteConflict.Policy.{kind}", 409):
        ram.call("DeletePolicy", PolicyName=name)
    with refused_v2(f"DeleteConflict.{kind}.Policy", 409):
        ram.call(f"Delete{kind}", **holder)

    for policy in (custom, system):
        ram.call(f"DetachPolicyFrom{kind}", **policy, **holder)
        with refused_v2(f"EntityNotExist.{kind}.Policy", 404):
            ram.call(f"DetachPolicyFrom{kind}", **policy, **holder)
    ram.call("DeletePolicy", PolicyName=name)


def test_nobody_and_nothing_are_told_apart(ram, holders):
    system = {"PolicyType": "System", "PolicyName": "AliyunKMSFullAccess"}
    for kind in ("User", "Group", "Role"):
        with refused_v2(f"EntityNotExist.{kind}", 404):
            ram.call(f"AttachPolicyTo{kind}", **system, **{f"{kind}Name": "nobody"})
        with refused_v2("EntityNotExist.Policy", 404):
            ram.call(f"AttachPolicyTo{kind}", PolicyType="Custom", PolicyName="nothing", **holders[kind])
        with refused_v2(f"EntityNotExist.{kind}", 404):
            ram.call(f"ListPoliciesFor{kind}", **{f"{kind}Name": "nobody"})
    with refused_v2("EntityNotExist.Policy", 404):
        ram.call("ListEntitiesForPolicy", PolicyType="Custom", PolicyName="nothing")


def test_ten_custom_policies_are_attached_at_the_most(ram):
    ram.call("CreateUser", UserName="crowded")
    for n in range(11):
        ram.call("CreatePolicy", PolicyName=f"crowd-{n}", PolicyDocument=OTHER)
    for n in range(10):
        ram.call("AttachPolicyToUser", PolicyType="Custom", PolicyName=f"crowd-{n}", UserName="crowded")
    with refused_v2("LimitExceeded.User.Policy", 409):
        ram.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="crowd-10", UserName="crowded")
    # System ones are counted apart.
    ram.call("AttachPolicyToUser", PolicyType="System", PolicyName="ReadOnlyAccess", UserName="crowded")


# --- tags ------------------------------------------------------------------------------------------------------------------


def test_roles_and_policies_are_tagged_together_or_not_at_all(ram, raw, account):
    for name in ("tag-a", "tag-b"):
        ram.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust(f"acs:ram::{account}:root"))
        ram.call("CreatePolicy", PolicyName=name, PolicyDocument=OTHER)
    for kind in ("role", "policy"):
        both = {"ResourceType": kind, "ResourceNames": ["tag-b", "tag-a"]}
        ram.call("TagResources", **both, Tag=[{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}])
        rows = ram.call("ListTagResources", **both)["TagResources"]
        shown = [(row["ResourceName"], row["ResourceType"], row["TagKey"], row["TagValue"]) for row in rows]
        assert shown == [(name, kind, key, value) for name in ("tag-a", "tag-b") for key, value in (("k", "v"), ("l", ""))]
        assert isinstance(raw.call("ListTagResources", ResourceType=kind)["TagResources"], list)

        seen, more = [], {}
        while True:
            page = ram.call("ListTagResources", **both, PageSize=3, **more)
            seen += page["TagResources"]
            if "NextToken" not in page:
                break
            more = {"NextToken": page["NextToken"]}
        assert seen == rows

        entity = kind.capitalize()
        with refused_v2(f"EntityNotExist.{entity}", 404):
            ram.call("TagResources", ResourceType=kind, ResourceNames=["tag-a", "nobody"], Tag=[{"Key": "m", "Value": "v"}])
        many = [{"Key": f"n{n}", "Value": "v"} for n in range(19)]
        with refused_v2("LimitExceeded.Tag", 409):
            ram.call("TagResources", **both, Tag=many)
        assert ram.call("ListTagResources", **both)["TagResources"] == rows, "nothing of either"

        ram.call("UntagResources", **both, TagKeys=["k", "absent"])
        assert {row["TagKey"] for row in ram.call("ListTagResources", **both)["TagResources"]} == {"l"}
        ram.call("UntagResources", **both, All=True)
        assert ram.call("ListTagResources", **both)["TagResources"] == []
    with refused_v2("InvalidParameter.ResourceType", 400):
        ram.call("ListTagResources", ResourceType="user")


# --- what there is not -----------------------------------------------------------------------------------------------------


def test_there_is_no_console_and_tools_are_told_so(ram):
    assert ram.call("ListVirtualMFADevices")["VirtualMFADevices"] == {"VirtualMFADevice": []}
    assert ram.call("GetPasswordPolicy")["PasswordPolicy"]["MinimumPasswordLength"] == 8
    assert ram.call("GetSecurityPreference")["SecurityPreference"]["LoginProfilePreference"]["LoginSessionDuration"] == 6
    with refused_v2("UnsupportedOperation", 400):
        ram.call("CreateLoginProfile", UserName="holder", Password="p")
    with refused_v2("UnsupportedOperation", 400):
        ram.call("SetPasswordPolicy")


def test_the_log_of_all_this_is_lawful(daemon):
    for command in ("verify", "replay"):
        finished = daemon.command("log", command)
        assert finished.status == 0, finished
