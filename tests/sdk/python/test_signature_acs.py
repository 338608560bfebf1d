"""Signatures in the Authorization header, and what comes before and after them, from the wire contract's text alone."""

import http.client

import pytest

from raw import acs_headers, acs_send, acs_sign, canonical, parameters, send, sign, signed, stamp
from shapes import assert_shape

REGIONS = pytest.mark.parametrize("region", [None, "cn-hangzhou"], ids=["ACS3", "ACS4"])


@REGIONS
def test_the_second_implementation_is_believed_by_get_and_post_in_query_and_form(daemon, region):
    asked = {"KeyId": "alias/nobody", "Plaintext": "aGVsbG8=", "EncryptionContext": '{"ä":"*~ +"}'}
    for method in ("GET", "POST"):
        answer = acs_send(daemon, "Encrypt", method, asked, region=region)
        # Believed: it is the alias that is not found.
        assert answer.refusal == ("Forbidden.AliasNotFound", 404)
    assert acs_send(daemon, "Encrypt", body=canonical(asked).encode(), region=region).refusal[1] == 404
    # Some in the query, the rest in the form.
    form = canonical({"PageSize": "5"}).encode()
    assert acs_send(daemon, "ListKeys", parameters={"PageNumber": "2"}, body=form, region=region).json["PageSize"] == 5


@REGIONS
def test_a_space_may_be_sent_as_plus(daemon, region):
    described = {"Description": "a b"}
    headers = acs_sign(acs_headers(daemon, "CreateKey"), daemon.credentials, parameters=described, region=region)
    assert send(daemon, query="Description=a+b", headers=headers).json["KeyMetadata"]["Description"] == "a b"


@REGIONS
def test_every_header_may_be_signed(daemon, region):
    more = {"accept": "application/json", "user-agent": " two  spaces ", "x_acs_credentials_provider": "static_ak"}
    assert acs_send(daemon, "ListKeys", region=region, **more).status == 200


@REGIONS
def test_the_answer_is_json_whatever_is_asked(daemon, region):
    for action in ("ListKeys", "EnableKey"):
        answer = acs_send(daemon, action, parameters={"Format": "XML"}, region=region)
        assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
        assert answer.headers["x-acs-request-id"] == answer.json["RequestId"]


@REGIONS
@pytest.mark.parametrize("time,code", [
    (None, "IllegalTimestamp"),
    ("", "IllegalTimestamp"),
    ("20260101T000000Z", "InvalidTimeStamp.Format"),
    ("2016-03-28 03:13:08", "InvalidTimeStamp.Format"),
    ("2016-03-28T03:13:08Z", "InvalidTimeStamp.Expired"),
    (stamp(-60), "InvalidTimeStamp.Expired"),
    (stamp(+60), "InvalidTimeStamp.Expired"),
])
def test_a_date_must_be_there_well_formed_and_fresh(daemon, time, code, region):
    assert acs_send(daemon, "ListKeys", region=region, x_acs_date=time).refusal == (code, 400)


@REGIONS
def test_a_request_is_admitted_once_also_across_a_restart(own_daemon, region):
    # Without a port: it may be another one after the restart, and the header is signed as it is sent.
    headers = acs_sign(acs_headers(own_daemon, "ListKeys", host="kms"), own_daemon.credentials, region=region)
    assert send(own_daemon, headers=headers).status == 200
    assert send(own_daemon, headers=headers).refusal == ("SignatureNonceUsed", 400)
    own_daemon.kill()
    own_daemon.start()
    assert send(own_daemon, headers=headers).refusal == ("SignatureNonceUsed", 400)


def test_a_nonce_is_used_whatever_the_signature(daemon):
    nonce = "one-nonce-for-all"
    assert acs_send(daemon, "ListKeys", x_acs_signature_nonce=nonce).status == 200
    assert acs_send(daemon, "ListKeys", region="cn-hangzhou", x_acs_signature_nonce=nonce).refusal[0] == "SignatureNonceUsed"
    query = canonical(signed(daemon, "ListKeys", SignatureNonce=nonce))
    assert send(daemon, query=query).refusal == ("SignatureNonceUsed", 400)


@REGIONS
def test_a_nonce_of_a_bad_signature_is_not_used_up(daemon, region):
    good = acs_sign(acs_headers(daemon, "ListKeys"), daemon.credentials, region=region)
    front, _, signature = good["Authorization"].rpartition("=")
    bad = good | {"Authorization": f"{front}={signature[::-1]}"}
    assert send(daemon, headers=bad).refusal == ("SignatureDoesNotMatch", 400)
    assert send(daemon, headers=good).status == 200


@REGIONS
def test_a_changed_request_does_not_match_and_the_answer_says_what_was_expected(daemon, region):
    asked = {"KeyId": "alias/one"}
    headers = acs_sign(acs_headers(daemon, "DescribeKey"), daemon.credentials, parameters=asked, region=region)
    for changed in (
        {"query": canonical({"KeyId": "alias/two"})},
        {"query": canonical(asked), "method": "GET"},
        {"query": canonical(asked), "headers": headers | {"host": "elsewhere"}},
        {"query": canonical(asked), "headers": headers | {"x-acs-action": "DeleteAlias"}},
        {"query": canonical(asked), "body": b"A=", "headers": headers | {"content-type": "application/x-www-form-urlencoded"}},
    ):
        answer = send(daemon, **({"headers": headers} | changed))
        assert answer.refusal == ("SignatureDoesNotMatch", 400)
        assert_shape("error", answer.json)
        _, expected = answer.json["Message"].split(":")
        algorithm, digest = expected.split("\n")
        assert algorithm == ("ACS4" if region else "ACS3") + "-HMAC-SHA256"
        assert len(bytes.fromhex(digest)) == 32
        assert daemon.credentials["AccessKeySecret"] not in answer.text


@pytest.mark.parametrize("header,refusal", [
    ("ACS5-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=00", ("IncompleteSignature", 400)),
    ("ACS3-HMAC-SM3 Credential=x,SignedHeaders=host,Signature=00", ("InvalidParameter", 400)),
    ("ACS3-RSA-SHA256 Credential=x,SignedHeaders=host,Signature=00", ("InvalidParameter", 400)),
    ("ACS3-HMAC-SHA256", ("IncompleteSignature", 400)),
    ("ACS3-HMAC-SHA256 Credential=x", ("IncompleteSignature", 400)),
    ("ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=00", ("IncompleteSignature", 400)),
    ("Bearer token", ("IncompleteSignature", 400)),
    ("", ("IncompleteSignature", 400)),
])
def test_another_scheme_is_not_skipped_in_favour_of_a_signature_in_the_parameters(daemon, header, refusal):
    query = canonical(signed(daemon, "ListKeys"))
    assert send(daemon, query=query, headers={"Authorization": header}).refusal == refusal


@pytest.mark.parametrize("without", ["host", "x-acs-signature-nonce", "x-acs-content-sha256", "x-acs-action", "x-acs-version"])
def test_what_decides_what_is_asked_must_be_signed(daemon, without):
    headers = acs_headers(daemon, "ListKeys")
    whole = acs_sign(headers, daemon.credentials)
    names = whole["Authorization"].split("SignedHeaders=")[1].split(",")[0]
    fewer = ";".join(name for name in names.split(";") if name != without)
    headers = whole | {"Authorization": whole["Authorization"].replace(names, fewer)}
    assert send(daemon, headers=headers).refusal == ("IncompleteSignature", 400)


@pytest.mark.parametrize("more,refusal", [
    ({"x_acs_action": None}, ("MissingParameter", 400)),
    ({"x_acs_version": None}, ("MissingParameter", 400)),
    ({"x_acs_action": "MakeCoffee"}, ("InvalidApi.NotFound", 404)),
    ({"x_acs_version": "2014-05-26"}, ("InvalidParameter", 400)),
    ({"x_acs_signature_nonce": None}, ("IncompleteSignature", 400)),
    ({"x_acs_content_sha256": "00"}, ("SignatureDoesNotMatch", 400)),
    ({"x_acs_security_token": "forged", "x_acs_accesskey_id": "other"}, ("IncompleteSignature", 400)),
    ({"x_acs_security_token": "forged"}, ("InvalidSecurityToken.Malformed", 400)),
])
def test_what_is_wrong_before_the_operation_has_its_code(daemon, more, refusal):
    answer = acs_send(daemon, "ListKeys", **more)
    assert answer.refusal == refusal
    assert_shape("error", answer.json)


def test_the_operation_in_a_header_is_nothing_beside_a_signature_of_the_parameters(daemon):
    # No header is signed there: anybody on the way could have written it.
    headers = {"x-acs-action": "CreateKey", "x-acs-version": "2016-01-20"}
    total = acs_send(daemon, "ListKeys").json["TotalCount"]
    assert "TotalCount" in send(daemon, query=canonical(signed(daemon, "ListKeys")), headers=headers).json
    unnamed = parameters(daemon, None)
    unnamed |= {"Signature": sign("POST", unnamed, daemon.credentials["AccessKeySecret"])}
    assert send(daemon, query=canonical(unnamed), headers=headers).refusal == ("MissingParameter", 400)
    assert acs_send(daemon, "ListKeys").json["TotalCount"] == total


def test_a_header_that_is_there_twice_is_refused(daemon):
    for name in ("Authorization", "x-acs-date", "x-acs-signature-nonce", "x-acs-action"):
        headers = acs_sign(acs_headers(daemon, "ListKeys"), daemon.credentials)
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        try:
            connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
            for one, value in headers.items():
                connection.putheader(one, value)
            connection.putheader(name, headers[name])
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            answer = connection.getresponse()
            code = b"InvalidParameter" if name == "x-acs-action" else b"IncompleteSignature"
            assert answer.status == 400
            assert code in answer.read()
        finally:
            connection.close()
