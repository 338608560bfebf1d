"""Tags through the SDK: on one key, on many at once, listed and looked for."""

import json

import pytest

from sdk import Sdk, refused
from shapes import assert_shape

NOBODY = "00000000-0000-4000-8000-000000000000"


def tags_json(**tags):
    return json.dumps([{"TagKey": name, "TagValue": value} for name, value in tags.items()])


def tags_of(sdk, key):
    """Name to value; every row names the key."""
    listed = assert_shape("ListResourceTags", sdk.call("ListResourceTags", KeyId=key))["Tags"]["Tag"]
    assert all(tag["KeyId"] == key for tag in listed)
    tags = {tag["TagKey"]: tag["TagValue"] for tag in listed}
    assert len(tags) == len(listed), "a name twice"
    return tags


def test_a_key_is_made_with_tags(sdk):
    key = sdk.key(Tags=tags_json(team="payroll", stage="prod"))
    assert tags_of(sdk, key) == {"team": "payroll", "stage": "prod"}
    assert tags_of(sdk, sdk.key()) == {}


def test_tags_are_added_replaced_and_taken_off(sdk):
    key = sdk.key()
    assert_shape("TagResource", sdk.call("TagResource", KeyId=key, Tags=tags_json(a="1", b="2")))
    sdk.call("TagResource", KeyId=key, Tags=tags_json(b="3", c=""))
    assert tags_of(sdk, key) == {"a": "1", "b": "3", "c": ""}
    # A value may be left out, and then it is empty.
    sdk.call("TagResource", KeyId=key, Tags='[{"TagKey":"a"}]')
    assert tags_of(sdk, key) == {"a": "", "b": "3", "c": ""}
    # What is not there is taken off without a word; case counts.
    assert_shape("UntagResource", sdk.call("UntagResource", KeyId=key, TagKeys='["a","nobody","B"]'))
    assert tags_of(sdk, key) == {"b": "3", "c": ""}


@pytest.mark.parametrize("names", ['["a","b"]', "a,b", "a, b"])
def test_names_are_a_json_array_or_a_comma_list(sdk, names):
    key = sdk.key(Tags=tags_json(a="1", b="2", c="3"))
    sdk.call("UntagResource", KeyId=key, TagKeys=names)
    assert tags_of(sdk, key) == {"c": "3"}


@pytest.mark.parametrize("tag", [
    {"TagKey": "k" * 128, "TagValue": "v" * 256},
    {"TagKey": "k", "TagValue": ""},
    {"TagKey": "aB0/_.+=@:-\\", "TagValue": "aB0/_.+=@:-\\"},
    {"TagKey": "my-aliyun", "TagValue": "acs:x"},
])
def test_what_a_tag_may_be(sdk, tag):
    key = sdk.key(Tags=json.dumps([tag]))
    assert tags_of(sdk, key) == {tag["TagKey"]: tag["TagValue"]}


@pytest.mark.parametrize("tags", [
    "", "x", "{}", "[1]", "[{}]", '[{"TagKey":""}]', '[{"TagValue":"v"}]', '[{"TagKey":"k","TagValue":7}]',
    '[{"TagKey":"k","Other":"v"}]', '[{"TagKey":"k"},{"TagKey":"k"}]', '[{"TagKey":"k k"}]', '[{"TagKey":"ä"}]',
    '[{"TagKey":"aliyun-x"}]', '[{"TagKey":"acs:x"}]', '[{"TagKey":"k","TagValue":"ä"}]',
    json.dumps([{"TagKey": "k" * 129}]), json.dumps([{"TagKey": "k", "TagValue": "v" * 257}]),
])
def test_what_a_tag_may_not_be(sdk, tags):
    key = sdk.key()
    with refused("MissingParameter" if tags == "" else "InvalidParameter", 400, "Tags"):
        sdk.call("TagResource", KeyId=key, Tags=tags)
    if tags:
        with refused("InvalidParameter", 400, "Tags"):
            sdk.call("CreateKey", Tags=tags)
    assert tags_of(sdk, key) == {}


def test_a_key_has_twenty_tags_at_most(sdk):
    key = sdk.key(Tags=tags_json(**{f"t{n}": "" for n in range(20)}))
    with refused("Rejected.LimitExceeded", 400):
        sdk.call("TagResource", KeyId=key, Tags=tags_json(more=""))
    # One old, one new: none of them.
    with refused("Rejected.LimitExceeded", 400):
        sdk.call("TagResource", KeyId=key, Tags=tags_json(t0="changed", more=""))
    assert tags_of(sdk, key)["t0"] == ""
    sdk.call("TagResource", KeyId=key, Tags=tags_json(t0="changed"))
    sdk.call("UntagResource", KeyId=key, TagKeys='["t1"]')
    sdk.call("TagResource", KeyId=key, Tags=tags_json(more=""))
    assert len(tags_of(sdk, key)) == 20
    with refused("Rejected.LimitExceeded", 400):
        sdk.call("TagResource", KeyId=sdk.key(), Tags=tags_json(**{f"t{n}": "" for n in range(21)}))


def test_a_target_is_one_key_by_its_id(sdk):
    made = sdk.call("CreateKey")["KeyMetadata"]
    key = made["KeyId"]
    sdk.call("CreateAlias", AliasName="alias/tagged", KeyId=key)
    for action, more in (
        ("TagResource", {"Tags": tags_json(a="b")}), ("UntagResource", {"TagKeys": '["a"]'}), ("ListResourceTags", {}),
    ):
        with refused("MissingParameter", 400, "KeyId"):
            sdk.call(action, **more)
        with refused("Unsupported.Alias", 400):
            sdk.call(action, KeyId="alias/tagged", **more)
        with refused("InvalidParameter", 400, "KeyId"):
            sdk.call(action, KeyId=made["Arn"], **more)
        with refused("Forbidden.KeyNotFound", 404):
            sdk.call(action, KeyId=NOBODY, **more)
        # Secrets and certificates are not there yet: said, not ignored.
        with refused("UnsupportedOperation", 400):
            sdk.call(action, SecretName="s", **more)


def test_many_keys_are_tagged_and_untagged_at_once_or_none_of_them(sdk):
    keys = [sdk.key() for _ in range(3)]
    many = {"ResourceType": "key", "ResourceIds": keys}
    both = [{"Key": "a", "Value": "1"}, {"Key": "b"}]
    assert_shape("TagResources", sdk.call("TagResources", Tags=both, **many))
    for key in keys:
        assert tags_of(sdk, key) == {"a": "1", "b": ""}
    with refused("Forbidden.KeyNotFound", 404):
        sdk.call("TagResources", ResourceType="key", ResourceIds=[*keys, NOBODY], Tags=[{"Key": "c"}])
    sdk.call("ScheduleKeyDeletion", KeyId=keys[2], PendingWindowInDays=7)
    with refused("Rejected.PendingDeletion", 409):
        sdk.call("TagResources", Tags=[{"Key": "c"}], **many)
    with refused("Rejected.PendingDeletion", 409):
        sdk.call("UntagResources", TagKeys=["a"], **many)
    assert tags_of(sdk, keys[0]) == {"a": "1", "b": ""}
    sdk.call("CancelKeyDeletion", KeyId=keys[2])
    assert_shape("UntagResources", sdk.call("UntagResources", TagKeys=["a", "nobody"], **many))
    assert [tags_of(sdk, key) for key in keys] == [{"b": ""}] * 3
    # TagKey goes before All.
    sdk.call("TagResources", Tags=both, **many)
    sdk.call("UntagResources", TagKeys=["b"], All=True, **many)
    assert tags_of(sdk, keys[0]) == {"a": "1"}
    sdk.call("UntagResources", All=True, **many)
    assert [tags_of(sdk, key) for key in keys] == [{}] * 3


def test_the_bulk_limits(sdk):
    key = sdk.key()
    sdk.call("TagResources", ResourceType="key", ResourceIds=[key] * 50, Tags=[{"Key": f"t{n}"} for n in range(20)])
    assert len(tags_of(sdk, key)) == 20
    sdk.call("UntagResources", ResourceType="key", ResourceIds=[key], TagKeys=[f"t{n}" for n in range(20)])
    for action, parameters, name in (
        ("TagResources", {"ResourceIds": [key] * 51, "Tags": [{"Key": "a"}]}, "ResourceId"),
        ("TagResources", {"ResourceIds": [key], "Tags": [{"Key": f"t{n}"} for n in range(21)]}, "Tag"),
        ("UntagResources", {"ResourceIds": [key] * 51, "All": True}, "ResourceId"),
        ("UntagResources", {"ResourceIds": [key], "TagKeys": [f"t{n}" for n in range(21)]}, "TagKey"),
        ("ListTagResources", {"ResourceIds": [key] * 51}, "ResourceId"),
        ("TagResources", {"ResourceIds": [key], "Tags": [{"Key": "a"}, {"Key": "a"}]}, "Tag"),
        ("TagResources", {"ResourceIds": [key], "Tags": [{"Key": "acs:a"}]}, "Tag.1.Key"),
        ("TagResources", {"ResourceIds": [key], "Tags": [{"Key": "a"}, {"Key": "b", "Value": "ä"}]}, "Tag.2.Value"),
    ):
        with refused("InvalidParameter", 400, name):
            sdk.call(action, ResourceType="key", **parameters)
    for action, parameters, name in (
        ("TagResources", {"ResourceIds": [key]}, "Tag.1.Key"),
        ("TagResources", {"Tags": [{"Key": "a"}]}, "ResourceId.1"),
        ("UntagResources", {"ResourceIds": [key]}, "TagKey.1"),
        ("UntagResources", {"ResourceIds": [key], "All": False}, "TagKey.1"),
    ):
        with refused("MissingParameter", 400, name):
            sdk.call(action, ResourceType="key", **parameters)
    assert tags_of(sdk, key) == {}


def test_the_kind_of_resource_must_be_said(sdk):
    for action in ("TagResources", "UntagResources", "ListTagResources"):
        with refused("MissingParameter", 400, "ResourceType"):
            sdk.call(action)
        with refused("InvalidParameter", 400, "ResourceType"):
            sdk.call(action, ResourceType="pony")
        with refused("UnsupportedOperation", 400):
            sdk.call(action, ResourceType="secret")


def look(sdk, **parameters):
    """All rows, page by page, as (key, name, value)."""
    rows, sizes, token = [], [], None
    while token != "":
        more = {} if token is None else {"NextToken": token}
        page = assert_shape("ListTagResources", sdk.call("ListTagResources", ResourceType="key", **parameters, **more))
        listed = page["TagResources"]["TagResource"]
        assert {row["ResourceType"] for row in listed} <= {"key"}
        rows += [(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in listed]
        sizes.append(len(listed))
        token = page["NextToken"]
    return rows, sizes


def test_tags_are_looked_for_across_keys_in_pages_of_two_hundred(own_daemon):
    sdk = Sdk.of(own_daemon)
    assert look(sdk) == ([], [0])
    keys = [sdk.key() for _ in range(21)]
    sdk.call("TagResources", ResourceType="key", ResourceIds=keys[:20], Tags=[{"Key": f"t{n:02}"} for n in range(10)])
    rows, sizes = look(sdk)
    assert sizes == [200], "a full last page has no next one"
    sdk.call("TagResources", ResourceType="key", ResourceIds=keys, Tags=[{"Key": f"t{n:02}"} for n in range(20)])
    rows, sizes = look(sdk)
    assert sizes == [200, 200, 20]
    assert len(set(rows)) == 420
    assert rows == sorted(rows), "by key id and tag name: stable while other keys come and go"
    assert {key for key, _, _ in rows} == set(keys)

    # Only some keys; only some tags; names are alternatives, and a value narrows its own name.
    one, two = sorted(keys[:2])
    assert look(sdk, ResourceIds=[two, one, two])[0] == [(key, f"t{n:02}", "") for key in (one, two) for n in range(20)]
    sdk.call("TagResource", KeyId=one, Tags=tags_json(t03="x"))
    assert look(sdk, Tags=[{"Key": "t03", "Value": "x"}])[0] == [(one, "t03", "x")]
    assert len(look(sdk, Tags=[{"Key": "t03"}])[0]) == 21
    assert len(look(sdk, Tags=[{"Key": "t03", "Value": ""}])[0]) == 20
    assert look(sdk, ResourceIds=[one], Tags=[{"Key": "t03", "Value": "x"}, {"Key": "t01"}])[0] == [
        (one, "t01", ""), (one, "t03", "x"),
    ]
    assert look(sdk, Tags=[{"Key": "nobody"}]) == ([], [0])

    # A row that goes between two pages moves no other.
    token = sdk.call("ListTagResources", ResourceType="key")["NextToken"]
    last_key, last_tag, _ = rows[199]
    sdk.call("UntagResource", KeyId=last_key, TagKeys=json.dumps([last_tag]))
    page = sdk.call("ListTagResources", ResourceType="key", NextToken=token)["TagResources"]["TagResource"]
    assert (page[0]["ResourceId"], page[0]["TagKey"]) == rows[200][:2]


@pytest.mark.parametrize("token", ["x", "x/y", NOBODY, f"{NOBODY}/", f"{NOBODY}/ä", "0"])
def test_a_token_of_no_page_is_refused(sdk, token):
    with refused("InvalidParameter", 400, "NextToken"):
        sdk.call("ListTagResources", ResourceType="key", NextToken=token)


def test_a_key_that_is_not_there_is_not_found(sdk):
    with refused("Forbidden.KeyNotFound", 404):
        sdk.call("ListTagResources", ResourceType="key", ResourceIds=[sdk.key(), NOBODY])


def test_tags_survive_a_crash(own_daemon):
    sdk = Sdk.of(own_daemon)
    key = sdk.key(Tags=tags_json(a="1"))
    sdk.call("TagResource", KeyId=key, Tags=tags_json(b="2"))
    own_daemon.kill()
    assert tags_of(Sdk.of(own_daemon.start()), key) == {"a": "1", "b": "2"}
