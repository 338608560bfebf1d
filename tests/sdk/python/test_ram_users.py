"""Users, groups, access keys and the account's alias through the unmodified v2 SDK, as the account's root."""

import re

import pytest

from sdk import DATE
from sdk_ram import Identity, MODES, root
from sdk_v2 import refused_v2


@pytest.fixture(scope="module")
def ram(daemon):
    return Identity("ram", daemon, **root(daemon))


# --- users -----------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_user(ram):
    made = ram.call(
        "CreateUser", UserName="alice", DisplayName="Alice A.", MobilePhone="86-18600008888", Email="a@example.org",
        Comments="first",
    )["User"]
    assert re.fullmatch(r"2\d{17}", made["UserId"])
    assert DATE.fullmatch(made["CreateDate"])
    found = ram.call("GetUser", UserName="alice")["User"]
    assert {name: found[name] for name in made} == made
    assert "LastLoginDate" not in found

    with refused_v2("EntityAlreadyExists.User", 409):
        ram.call("CreateUser", UserName="ALICE")
    renamed = ram.call("UpdateUser", UserName="alice", NewUserName="alicia", NewComments="", NewEmail="")["User"]
    assert (renamed["UserName"], renamed["UserId"], renamed["Comments"]) == ("alicia", made["UserId"], "")
    assert renamed["DisplayName"] == "Alice A.", "what is absent stays"
    with refused_v2("EntityNotExist.User", 404):
        ram.call("GetUser", UserName="alice")
    ram.call("CreateUser", UserName="bob")
    with refused_v2("EntityAlreadyExists.User", 409):
        ram.call("UpdateUser", UserName="bob", NewUserName="Alicia")
    assert set(ram.call("DeleteUser", UserName="alicia")) == {"RequestId"}
    ram.call("DeleteUser", UserName="bob")
    with refused_v2("EntityNotExist.User", 404):
        ram.call("DeleteUser", UserName="alicia")


def test_users_are_listed_by_name_in_pages(ram):
    names = [f"page-{n}" for n in range(5)]
    for name in reversed(names):
        ram.call("CreateUser", UserName=name)
    seen, more = [], {}
    while True:
        page = ram.call("ListUsers", MaxItems=2, **more)
        seen += [user["UserName"] for user in page["Users"]["User"]]
        assert page["IsTruncated"] == ("Marker" in page)
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    assert [name for name in seen if name.startswith("page-")] == names
    assert seen == sorted(seen)
    with refused_v2("InvalidParameter.Marker", 400):
        ram.call("ListUsers", Marker="nonsense")


@pytest.mark.parametrize("parameters, code", [
    ({"UserName": "a b"}, "InvalidParameter.UserName.InvalidChars"),
    ({"UserName": "u" * 65}, "InvalidParameter.UserName.Length"),
    ({"DisplayName": "d" * 129}, "InvalidParameter.DisplayName.Length"),
    ({"MobilePhone": "18600008888"}, "InvalidParameter.MobilePhone.Format"),
    ({"Email": "nobody"}, "InvalidParameter.Email.Format"),
    ({"Comments": "c" * 129}, "InvalidParameter.Comments.Length"),
])
def test_a_user_that_is_wrong_is_not_made(ram, parameters, code):
    with refused_v2(code, 400):
        ram.call("CreateUser", **({"UserName": "never"} | parameters))
    with refused_v2("EntityNotExist.User", 404):
        ram.call("GetUser", UserName="never")


def test_what_a_user_still_has_is_told_in_order(ram):
    ram.call("CreateUser", UserName="full")
    ram.call("CreateGroup", GroupName="full")
    ram.call("AddUserToGroup", UserName="full", GroupName="full")
    policy = {"PolicyType": "System", "PolicyName": "ReadOnlyAccess"}
    ram.call("AttachPolicyToUser", UserName="full", **policy)
    key = ram.call("CreateAccessKey", UserName="full")["AccessKey"]["AccessKeyId"]
    with refused_v2("DeleteConflict.User.Group", 409):
        ram.call("DeleteUser", UserName="full")
    with refused_v2("DeleteConflict.Group.User", 409):
        ram.call("DeleteGroup", GroupName="full")
    ram.call("RemoveUserFromGroup", UserName="full", GroupName="full")
    with refused_v2("DeleteConflict.User.Policy", 409):
        ram.call("DeleteUser", UserName="full")
    ram.call("DetachPolicyFromUser", UserName="full", **policy)
    with refused_v2("DeleteConflict.User.AccessKey", 409):
        ram.call("DeleteUser", UserName="full")
    ram.call("DeleteAccessKey", UserName="full", UserAccessKeyId=key)
    ram.call("DeleteUser", UserName="full")
    ram.call("DeleteGroup", GroupName="full")


def test_a_user_has_nothing_at_a_console(ram):
    ram.call("CreateUser", UserName="plain")
    for action, what in (
        ("GetLoginProfile", "LoginProfile"),
        ("DeleteLoginProfile", "LoginProfile"),
        ("GetUserMFAInfo", "MFADevice"),
        ("UnbindMFADevice", "MFADevice"),
    ):
        with refused_v2(f"EntityNotExist.User.{what}", 404):
            ram.call(action, UserName="plain")
        with refused_v2("EntityNotExist.User", 404):
            ram.call(action, UserName="nobody")


# --- groups ----------------------------------------------------------------------------------------------------------------


def test_the_life_of_a_group(ram):
    made = ram.call("CreateGroup", GroupName="devs", Comments="who develop")["Group"]
    assert re.fullmatch(r"g-[A-Za-z0-9]{16}", made["GroupId"])
    assert ram.call("GetGroup", GroupName="devs")["Group"]["Comments"] == "who develop"
    with refused_v2("EntityAlreadyExists.Group", 409):
        ram.call("CreateGroup", GroupName="Devs")
    renamed = ram.call("UpdateGroup", GroupName="devs", NewGroupName="makers", NewComments="")["Group"]
    assert (renamed["GroupName"], renamed["GroupId"], renamed["Comments"]) == ("makers", made["GroupId"], "")
    assert "makers" in [group["GroupName"] for group in ram.call("ListGroups")["Groups"]["Group"]]
    ram.call("DeleteGroup", GroupName="makers")
    with refused_v2("EntityNotExist.Group", 404):
        ram.call("GetGroup", GroupName="makers")


def test_users_join_and_leave_groups_once(ram):
    ram.call("CreateGroup", GroupName="club")
    for name in ("m-1", "m-2", "m-3"):
        ram.call("CreateUser", UserName=name)
        ram.call("AddUserToGroup", UserName=name, GroupName="club")
    with refused_v2("EntityAlreadyExists.User.Group", 409):
        ram.call("AddUserToGroup", UserName="m-1", GroupName="club")
    with refused_v2("EntityNotExist.User", 404):
        ram.call("AddUserToGroup", UserName="nobody", GroupName="club")
    with refused_v2("EntityNotExist.Group", 404):
        ram.call("AddUserToGroup", UserName="m-1", GroupName="nothing")
    groups = ram.call("ListGroupsForUser", UserName="m-1")["Groups"]["Group"]
    assert [group["GroupName"] for group in groups] == ["club"]
    assert DATE.fullmatch(groups[0]["JoinDate"])

    seen, more = [], {}
    while True:
        page = ram.call("ListUsersForGroup", GroupName="club", MaxItems=2, **more)
        seen += page["Users"]["User"]
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    assert [user["UserName"] for user in seen] == ["m-1", "m-2", "m-3"]
    assert set(seen[0]) == {"DisplayName", "JoinDate", "UserName"}

    ram.call("RemoveUserFromGroup", UserName="m-1", GroupName="club")
    with refused_v2("EntityNotExist.User.Group", 404):
        ram.call("RemoveUserFromGroup", UserName="m-1", GroupName="club")


# --- access keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_users_access_key_signs_until_it_is_off_or_gone(daemon, ram, mode):
    name = f"signer-{mode}"
    user = ram.call("CreateUser", UserName=name)["User"]
    key = ram.call("CreateAccessKey", UserName=name)["AccessKey"]
    assert re.fullmatch(r"LTAI[A-Za-z0-9]{20}", key["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9]{30}", key["AccessKeySecret"])
    assert key["Status"] == "Active"
    its = {"UserName": name, "UserAccessKeyId": key["AccessKeyId"]}
    assert ram.call("GetAccessKeyLastUsed", **its)["AccessKeyLastUsed"]["LastUsedDate"] == ""

    keys = {"access_key_id": key["AccessKeyId"], "access_key_secret": key["AccessKeySecret"]}
    sts, own = Identity("sts", daemon, mode, **keys), Identity("ram", daemon, mode, **keys)
    caller = sts.call("GetCallerIdentity")
    account = daemon.credentials["AccountId"]
    assert (caller["IdentityType"], caller["UserId"], caller["PrincipalId"]) == ("RAMUser", user["UserId"], user["UserId"])
    assert (caller["AccountId"], caller["Arn"]) == (account, f"acs:ram::{account}:user/{name}")
    assert DATE.fullmatch(ram.call("GetAccessKeyLastUsed", **its)["AccessKeyLastUsed"]["LastUsedDate"])
    # Whoever has no policies may do nothing else, and learns nothing.
    for asked in (name, "nobody"):
        with refused_v2("NoPermission", 403):
            own.call("GetUser", UserName=asked)

    ram.call("UpdateAccessKey", Status="Inactive", **its)
    assert ram.call("ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"][0]["Status"] == "Inactive"
    with refused_v2("InvalidAccessKeyId.Inactive", 403):
        sts.call("GetCallerIdentity")
    ram.call("UpdateAccessKey", Status="Active", **its)
    sts.call("GetCallerIdentity")
    ram.call("DeleteAccessKey", **its)
    with refused_v2("InvalidAccessKeyId.NotFound", 404):
        sts.call("GetCallerIdentity")
    with refused_v2("EntityNotExist.User.AccessKey", 404):
        ram.call("DeleteAccessKey", **its)


def test_a_user_has_two_access_keys_at_the_most(ram):
    ram.call("CreateUser", UserName="twice")
    made = [ram.call("CreateAccessKey", UserName="twice")["AccessKey"]["AccessKeyId"] for _ in range(2)]
    with refused_v2("LimitExceeded.User.AccessKey", 409):
        ram.call("CreateAccessKey", UserName="twice")
    listed = ram.call("ListAccessKeys", UserName="twice")["AccessKeys"]["AccessKey"]
    assert [key["AccessKeyId"] for key in listed] == made, "oldest first"
    assert "AccessKeySecret" not in listed[0]
    with refused_v2("InvalidParameter.Status", 400):
        ram.call("UpdateAccessKey", UserName="twice", UserAccessKeyId=made[0], Status="Off")


def test_a_renamed_user_keeps_its_access_key(daemon, ram):
    ram.call("CreateUser", UserName="before")
    key = ram.call("CreateAccessKey", UserName="before")["AccessKey"]
    ram.call("UpdateUser", UserName="before", NewUserName="after")
    sts = Identity("sts", daemon, access_key_id=key["AccessKeyId"], access_key_secret=key["AccessKeySecret"])
    assert sts.call("GetCallerIdentity")["Arn"].endswith(":user/after")


# --- the account -----------------------------------------------------------------------------------------------------------


def test_the_account_has_one_alias_or_none(ram):
    assert ram.call("GetAccountAlias")["AccountAlias"] == ""
    ram.call("SetAccountAlias", AccountAlias="my-company")
    assert ram.call("GetAccountAlias")["AccountAlias"] == "my-company"
    ram.call("SetAccountAlias", AccountAlias="our-company")
    with refused_v2("InvalidParameter.AccountAlias.Format", 400):
        ram.call("SetAccountAlias", AccountAlias="-no-")
    with refused_v2("InvalidParameter.AccountAlias.Length", 400):
        ram.call("SetAccountAlias", AccountAlias="ab")
    ram.call("ClearAccountAlias")
    ram.call("ClearAccountAlias")
    assert ram.call("GetAccountAlias")["AccountAlias"] == ""


def test_the_log_of_all_this_is_lawful(daemon):
    for command in ("verify", "replay"):
        finished = daemon.command("log", command)
        assert finished.status == 0, finished
