"""Who is asking: signatures, stamps, nonces, and what comes before and after them."""

import pytest

from raw import canonical, parameters, send, sign, signed, stamp
from sdk import UUID, Sdk, refused
from shapes import assert_shape


def test_a_wrong_secret_is_told_as_such_by_the_sdk(daemon):
    # The SDK compares the server's string to sign with its own: equal means that the secret is wrong.
    wrong = Sdk(daemon.endpoint, daemon.credentials["AccessKeyId"], "wrong")
    with refused("InvalidAccessKeySecret", 400):
        wrong.call("Encrypt", KeyId="alias/a b", Plaintext="aGVsbG8=", EncryptionContext='{"ä":"*~ +"}')


def test_an_unknown_access_key_is_not_found(daemon):
    for access_key in ("LTAI5tNobodyHasThisKey00", "nobody"):
        with refused("InvalidAccessKeyId.NotFound", 404):
            Sdk(daemon.endpoint, access_key, "wrong").call("ListKeys")


def test_the_second_implementation_is_believed_by_get_and_post_in_query_and_form(daemon):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for method in ("GET", "POST"):
        assert send(daemon, method, query=canonical(signed(daemon, "ListKeys", method))).status == 200
    assert send(daemon, body=canonical(signed(daemon, "ListKeys")), headers=form).status == 200
    # Some in the query, the rest in the form.
    request = signed(daemon, "ListKeys", PageSize="5")
    size = {"PageSize": request.pop("PageSize")}
    assert send(daemon, query=canonical(request), body=canonical(size), headers=form).status == 200


def test_a_space_may_be_sent_as_plus(daemon):
    query = canonical(signed(daemon, "CreateKey", Description="a b")).replace("%20", "+")
    assert send(daemon, query=query).json["KeyMetadata"]["Description"] == "a b"


def test_a_changed_request_does_not_match_and_the_answer_says_what_was_expected(daemon):
    request = signed(daemon, "DescribeKey", KeyId="alias/one")
    request["KeyId"] = "alias/two"
    answer = send(daemon, query=canonical(request))
    assert answer.refusal == ("SignatureDoesNotMatch", 400)
    assert_shape("error", answer.json)
    del request["Signature"]
    # Exactly one colon: the SDK takes what is behind it.
    _, expected = answer.json["Message"].split(":")
    assert expected == f"POST&%2F&{canonical({'q': canonical(request)})[2:]}"
    assert daemon.credentials["AccessKeySecret"] not in answer.text
    assert sign("POST", request, daemon.credentials["AccessKeySecret"]) not in answer.text


def test_the_method_is_signed(daemon):
    query = canonical(signed(daemon, "ListKeys", "POST"))
    assert send(daemon, "GET", query=query).refusal == ("SignatureDoesNotMatch", 400)


@pytest.mark.parametrize("time,code", [
    (None, "IllegalTimestamp"),
    ("", "IllegalTimestamp"),
    ("yesterday", "InvalidTimeStamp.Format"),
    ("2026-01-01 00:00:00", "InvalidTimeStamp.Format"),
    ("2016-02-30T00:00:00Z", "InvalidTimeStamp.Format"),
    ("2016-03-28T03:13:08Z", "InvalidTimeStamp.Expired"),
    (stamp(-60), "InvalidTimeStamp.Expired"),
    (stamp(+60), "InvalidTimeStamp.Expired"),
])
def test_a_stamp_must_be_there_well_formed_and_fresh(daemon, time, code):
    assert send(daemon, query=canonical(signed(daemon, "ListKeys", Timestamp=time))).refusal == (code, 400)


@pytest.mark.parametrize("minutes", [-13, 13])
def test_a_clock_that_is_a_little_off_is_accepted(daemon, minutes):
    assert send(daemon, query=canonical(signed(daemon, "ListKeys", Timestamp=stamp(minutes)))).status == 200


def test_a_request_is_admitted_once(daemon):
    query = canonical(signed(daemon, "ListKeys"))
    assert send(daemon, query=query).status == 200
    assert send(daemon, query=query).refusal == ("SignatureNonceUsed", 400)


def test_a_request_without_a_nonce_is_admitted_once(daemon):
    query = canonical(signed(daemon, "ListKeys", SignatureNonce=None))
    assert send(daemon, query=query).status == 200
    assert send(daemon, query=query).refusal == ("SignatureNonceUsed", 400)


def test_a_nonce_of_a_bad_signature_is_not_used_up(daemon):
    request = signed(daemon, "ListKeys")
    assert send(daemon, query=canonical(request | {"Signature": "AAAA"})).refusal == ("SignatureDoesNotMatch", 400)
    assert send(daemon, query=canonical(request)).status == 200


def test_a_used_nonce_stays_used_after_a_restart(own_daemon):
    query = canonical(signed(own_daemon, "ListKeys"))
    assert send(own_daemon, query=query).status == 200
    own_daemon.kill()
    own_daemon.start()
    assert send(own_daemon, query=query).refusal == ("SignatureNonceUsed", 400)


@pytest.mark.parametrize("change,refusal", [
    ({"AccessKeyId": None}, ("MissingParameter", 400)),
    ({"SignatureMethod": "HMAC-MD5"}, ("InvalidSignatureMethod", 400)),
    ({"SignatureVersion": "2.0"}, ("IncompleteSignature", 400)),
    ({"SignatureVersion": None}, ("IncompleteSignature", 400)),
    ({"SignatureType": "BEARERTOKEN"}, ("InvalidParameter", 400)),
    ({"SecurityToken": "forged"}, ("InvalidSecurityToken.Malformed", 400)),
    ({"Version": "2014-05-26"}, ("InvalidParameter", 400)),
    ({"Version": None}, ("MissingParameter", 400)),
    ({"Action": None}, ("MissingParameter", 400)),
    ({"Action": "MakeCoffee"}, ("InvalidApi.NotFound", 404)),
    ({"Action": "createkey"}, ("InvalidApi.NotFound", 404)),
])
def test_what_is_wrong_before_the_operation_has_its_code(daemon, change, refusal):
    request = {"action": "CreateKey"} | {name.replace("Action", "action"): value for name, value in change.items()
                                         if name == "Action"}
    more = {name: value for name, value in change.items() if name != "Action"}
    answer = send(daemon, query=canonical(signed(daemon, request["action"], **more)))
    assert answer.refusal == refusal
    assert_shape("error", answer.json)


def test_over_tcp_nobody_is_known_without_a_signature(daemon):
    answer = send(daemon, query="Action=ListKeys&Version=2016-01-20")
    assert answer.refusal == ("MissingParameter", 400)
    assert "AccessKeyId" in answer.json["Message"]
    unsigned = parameters(daemon, "ListKeys")
    assert send(daemon, query=canonical(unsigned)).refusal == ("IncompleteSignature", 400)


# The check order of the contract's section 2: of several faults the first one is answered.
def test_of_several_faults_the_first_in_order_is_answered(daemon):
    request = parameters(daemon, "MakeCoffee", AccessKeyId="nobody", Timestamp="never", SecurityToken="forged")
    request |= {"Signature": "AAAA", "KeyId": "alias/x"}
    order = [
        ({}, ("InvalidApi.NotFound", 404)),
        ({"Action": "EnableKey"}, ("InvalidAccessKeyId.NotFound", 404)),
        ({"AccessKeyId": daemon.credentials["AccessKeyId"]}, ("InvalidTimeStamp.Format", 400)),
        ({"Timestamp": stamp()}, ("SignatureDoesNotMatch", 400)),
    ]
    assert send(daemon, "PUT", query=canonical(request)).refusal == ("UnsupportedHTTPMethod", 403)
    for repaired, refusal in order:
        request |= repaired
        assert send(daemon, query=canonical(request)).refusal == refusal
    del request["Signature"]
    request["Signature"] = sign("POST", request, daemon.credentials["AccessKeySecret"])
    assert send(daemon, query=canonical(request)).refusal == ("InvalidSecurityToken.Malformed", 400)


@pytest.mark.parametrize("query,refusal", [
    ("Action=ListKeys&Action=CreateKey", ("InvalidParameter", 400)),
    ("Action=%zz", ("ParseRequestParameterException", 400)),
    ("Action=%ff%fe", ("ParseRequestParameterException", 400)),
    ("", ("MissingParameter", 400)),
])
def test_what_can_not_be_read_is_refused(daemon, query, refusal):
    assert send(daemon, query=query).refusal == refusal


def test_a_body_that_is_no_form_and_a_path_that_is_not_the_root_are_refused(daemon):
    json_body = {"body": b"{}", "headers": {"Content-Type": "application/json"}}
    assert send(daemon, query=canonical(signed(daemon, "ListKeys")), **json_body).refusal == ("InvalidParameter", 400)
    assert send(daemon, query=canonical(signed(daemon, "ListKeys")), path="/keys").refusal == ("InvalidApi.NotFound", 404)


def test_a_request_that_is_too_large_is_refused_and_the_daemon_goes_on(daemon):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = send(daemon, body=b"a=" + b"b" * (2 << 20), headers=form)
        assert answer.status == 413
    except (BrokenPipeError, ConnectionResetError):
        # It need not read to the end what it refuses.
        pass
    assert send(daemon, query=canonical(signed(daemon, "ListKeys"))).status == 200


def test_every_answer_is_labelled(daemon):
    for answer in (
        send(daemon, query=canonical(signed(daemon, "ListKeys"))),
        send(daemon, query=canonical(signed(daemon, "DescribeKey", KeyId="alias/nobody"))),
        send(daemon, query="Action=MakeCoffee&Version=2016-01-20"),
    ):
        assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
        assert UUID.fullmatch(answer.json["RequestId"])
        assert answer.headers["x-acs-request-id"] == answer.json["RequestId"]
        assert int(answer.headers["Content-Length"]) == len(answer.text.encode())


def test_xml_is_answered_to_those_who_ask_for_it(daemon):
    import xml.etree.ElementTree as ElementTree

    ok = send(daemon, query=canonical(signed(daemon, "ListKeys", Format="XML")))
    assert ok.headers["Content-Type"] == "text/xml;charset=utf-8"
    root = ElementTree.fromstring(ok.text)
    assert root.tag == "ListKeysResponse"
    assert root.find("Keys") is not None
    assert int(root.findtext("TotalCount")) >= 0
    assert UUID.fullmatch(root.findtext("RequestId"))
    error = send(daemon, query=canonical(signed(daemon, "DescribeKey", Format="xml", KeyId="alias/nobody")))
    root = ElementTree.fromstring(error.text)
    assert (error.status, root.tag, root.findtext("Code")) == (404, "Error", "Forbidden.AliasNotFound")


@pytest.mark.parametrize("text", ["None", "json", "Json", "", None])
def test_any_other_format_is_json(daemon, text):
    assert "Keys" in send(daemon, query=canonical(signed(daemon, "ListKeys", Format=text))).json
