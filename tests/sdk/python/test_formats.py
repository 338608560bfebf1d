"""The v1 SDK by GET and POST, in JSON and XML; and parameters that are missing, malformed, or there twice."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from raw import acs_send, canonical, parameters, send, sign, signed
from sdk import flat, flat_xml, refused

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def world(sdk):
    """What questions are asked about."""
    key = sdk.key(Description="<a> & \"b\" 'c' ]]> ä", Tags='[{"TagKey":"k","TagValue":"v"}]')
    sdk.call("CreateAlias", AliasName="alias/formats", KeyId=key)
    version = sdk.call("DescribeKey", KeyId=key)["KeyMetadata"]["PrimaryKeyVersion"]
    blob = sdk.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")["CiphertextBlob"]
    return {"key": key, "version": version, "blob": blob}


# Operations whose answer is the same when they are asked again.
QUESTIONS = [
    ("DescribeKey", {"KeyId": "{key}"}),
    ("ListKeys", {"PageSize": "100"}),
    ("ListKeys", {"PageNumber": "99"}),
    ("ListAliases", {}),
    ("ListAliasesByKeyId", {"KeyId": "{key}"}),
    ("ListKeyVersions", {"KeyId": "{key}"}),
    ("DescribeKeyVersion", {"KeyId": "{key}", "KeyVersionId": "{version}"}),
    ("ListResourceTags", {"KeyId": "{key}"}),
    ("DescribeRegions", {}),
    ("Decrypt", {"CiphertextBlob": "{blob}"}),
]


@pytest.mark.parametrize("action,asked", QUESTIONS)
def test_get_and_post_and_json_and_xml_say_the_same(sdk, world, action, asked):
    asked = {name: value.format_map(world) for name, value in asked.items()}
    answers = []
    for method in ("GET", "POST"):
        for kind in ("JSON", "XML"):
            request = sdk.request(action, **asked)
            request.set_method(method)
            request.set_accept_format(kind)
            # The usual call asks for JSON, whatever was set.
            status, _, body = sdk.client.get_response(request)
            assert status == 200
            if kind == "XML":
                root = ElementTree.fromstring(body)
                assert root.tag == f"{action}Response"
                found = flat_xml(root)
            else:
                found = flat(json.loads(body))
            answers.append([(path, value) for path, value in found if path != "/RequestId"])
    # An empty list has no scalar in JSON, and in XML an element without text.
    answers = [[item for item in answer if item[1] or "List" not in action] for answer in answers]
    assert answers.count(answers[0]) == len(answers)


@pytest.mark.parametrize("action,asked,code,status", [
    ("DescribeKey", {"KeyId": "alias/nobody"}, "Forbidden.AliasNotFound", 404),
    ("DescribeKey", {}, "MissingParameter", 400),
    ("Encrypt", {"KeyId": "{key}", "Plaintext": "?"}, "InvalidParameter", 400),
    ("MakeCoffee", {}, "InvalidApi.NotFound", 404),
    ("CreateCertificate", {}, "UnsupportedOperation", 400),
    ("CreateAlias", {"KeyId": "{key}", "AliasName": "alias/formats"}, "AliasAlreadyExists", 400),
])
def test_a_refusal_is_the_same_in_json_and_xml(daemon, world, action, asked, code, status):
    asked = {name: value.format_map(world) for name, value in asked.items()}
    answers = []
    for kind in ("JSON", "XML"):
        answer = send(daemon, query=canonical(signed(daemon, action, Format=kind, **asked)))
        assert answer.status == status
        if kind == "XML":
            root = ElementTree.fromstring(answer.text)
            assert root.tag == "Error"
            answers.append(dict(flat_xml(root)))
        else:
            answers.append(dict(flat(answer.json)))
        assert answers[-1]["/Code"] == code
        assert answers[-1].pop("/RequestId") == answer.headers["x-acs-request-id"]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_sdk_reads_a_refusal_by_either_method(sdk, method):
    request = sdk.request("DescribeKey", KeyId="alias/nobody")
    request.set_method(method)
    with refused("Forbidden.AliasNotFound", 404):
        sdk.client.do_action_with_exception(request)


# Parameters that are there twice: in the query, in the form, or one in each. What was authorized is what is executed.
@pytest.mark.parametrize("name", ["KeyId", "Action", "Signature", "AccessKeyId", "Unknown"])
@pytest.mark.parametrize("where", ["query", "form", "both"])
def test_a_parameter_that_is_there_twice_is_refused(daemon, world, name, where):
    once = canonical(signed(daemon, "DescribeKey", KeyId=world["key"], Unknown="1"))
    twice = canonical({name: "x"})
    asked = {
        "query": {"query": f"{once}&{twice}"},
        "form": {"body": f"{once}&{twice}".encode(), "headers": FORM},
        "both": {"query": once, "body": twice.encode(), "headers": FORM},
    }[where]
    answer = send(daemon, **asked)
    assert answer.refusal == ("InvalidParameter", 400)
    assert name in answer.json["Message"]


def test_a_parameter_that_is_there_twice_is_refused_also_when_both_are_signed(daemon):
    body = canonical({"KeyId": "alias/b"}).encode()
    answer = acs_send(daemon, "DescribeKey", parameters={"KeyId": "alias/a"}, body=body)
    assert answer.refusal == ("InvalidParameter", 400)


# Whatever is odd about them: unknown parameters are signed and otherwise of no matter.
@pytest.mark.parametrize("more", [
    {"Unknown": "1"}, {"KeyId.1": "x"}, {"keyid": "x"}, {"ä ö": "ü"}, {"Empty": ""}, {"A&B=C": "d&e=f+g h%"},
])
def test_unknown_parameters_are_signed_and_ignored(daemon, more):
    assert send(daemon, query=canonical(signed(daemon, "ListKeys", **more))).status == 200
    assert acs_send(daemon, "ListKeys", parameters=more).status == 200


@pytest.mark.parametrize("query", ["%zz", "%", "%4", "a=%f", "a=%ff", "%c3=1", "=x"])
def test_what_can_not_be_decoded_is_refused(daemon, query):
    whole = canonical(signed(daemon, "ListKeys"))
    for asked in (
        {"query": f"{whole}&{query}"},
        {"query": whole, "body": query.encode(), "headers": FORM},
    ):
        assert send(daemon, **asked).refusal == ("ParseRequestParameterException", 400)


@pytest.mark.parametrize("action,missing", [
    ("DescribeKey", "KeyId"),
    ("Encrypt", "KeyId"),
    ("Encrypt", "Plaintext"),
    ("Decrypt", "CiphertextBlob"),
    ("CreateAlias", "AliasName"),
    ("UpdateAlias", "KeyId"),
    ("TagResource", "Tags"),
    ("UpdateRotationPolicy", "EnableAutomaticRotation"),
])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_missing_parameter_is_named(daemon, world, action, missing, how):
    whole = {
        "KeyId": world["key"], "Plaintext": "AA==", "CiphertextBlob": world["blob"], "AliasName": "alias/formats/new",
        "Tags": '[{"TagKey":"k","TagValue":"v"}]', "EnableAutomaticRotation": "false",
    }
    asked = {name: value for name, value in whole.items() if name != missing}
    if how == "empty":
        asked[missing] = ""
    answers = [
        send(daemon, query=canonical(signed(daemon, action, **asked))),
        send(daemon, body=canonical(signed(daemon, action, **asked)), headers=FORM),
        acs_send(daemon, action, parameters=asked),
    ]
    for answer in answers:
        assert answer.refusal == ("MissingParameter", 400)
        assert f'"{missing}"' in answer.json["Message"]


def test_an_empty_form_is_no_form(daemon):
    # The v2 SDK sends the type without a body.
    assert send(daemon, query=canonical(signed(daemon, "ListKeys")), headers=FORM | {"Content-Length": "0"}).status == 200


def test_the_method_is_part_of_the_signature_in_the_form_too(daemon):
    asked = parameters(daemon, "ListKeys")
    asked |= {"Signature": sign("GET", asked, daemon.credentials["AccessKeySecret"])}
    assert send(daemon, body=canonical(asked), headers=FORM).refusal == ("SignatureDoesNotMatch", 400)
