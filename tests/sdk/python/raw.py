"""Requests as the SDK would never send them, and a second implementation of the signature, from the contract's text."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse
import uuid


def encode(text):
    """RFC 3986."""
    return urllib.parse.quote(text, safe="-_.~")


def canonical(parameters):
    """The parameters in the order in which they are signed; also a valid query string."""
    return "&".join(f"{encode(name)}={encode(parameters[name])}" for name in sorted(parameters))


def sign(method, parameters, secret):
    """Signature version 1.0."""
    text = f"{method}&%2F&{encode(canonical(parameters))}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def stamp(minutes=0):
    """Now, or so many minutes from now."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def parameters(daemon, action, **more):
    """A request that lacks only its signature. A parameter given as None is left out."""
    all_of_them = {
        "Action": action,
        "Version": "2016-01-20",
        "Format": "JSON",
        "AccessKeyId": daemon.credentials["AccessKeyId"],
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": str(uuid.uuid4()),
        "Timestamp": stamp(),
    } | more
    return {name: value for name, value in all_of_them.items() if value is not None}


def signed(daemon, action, method="POST", **more):
    """A request, signed with the daemon's root access key."""
    unsigned = parameters(daemon, action, **more)
    return unsigned | {"Signature": sign(method, unsigned, daemon.credentials["AccessKeySecret"])}


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def refusal(self):
        """Code and HTTP status of a refusal."""
        assert self.json["HttpStatus"] == self.status
        return self.json["Code"], self.status


def send(daemon, method="POST", query="", body=b"", headers=None, path="/"):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    try:
        connection.request(method, f"{path}?{query}" if query else path, body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def acs_headers(daemon, action, **more):
    """The headers of an ACS request that lacks its Authorization. A header given as None is left out."""
    headers = {
        "host": daemon.endpoint,
        "x-acs-action": action,
        "x-acs-version": "2016-01-20",
        "x-acs-date": stamp(),
        "x-acs-signature-nonce": uuid.uuid4().hex,
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in headers.items() if value is not None}


def acs_sign(headers, credentials, method="POST", parameters=None, body=b"", region=None):
    """The same headers, signed: ACS4 with a region, ACS3 without one. From the contract's sections 1.5 and 1.6."""
    payload = hashlib.sha256(body).hexdigest()
    headers = {"x-acs-content-sha256": payload} | headers
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical_request = "\n".join([method, "/", canonical(parameters or {}), lines, names, payload])
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    access_key, key = credentials["AccessKeyId"], credentials["AccessKeySecret"].encode()
    algorithm = "ACS3-HMAC-SHA256"
    if region is not None:
        algorithm, day = "ACS4-HMAC-SHA256", headers.get("x-acs-date", "")[:10].replace("-", "")
        key = b"aliyun_v4" + key
        for step in (day, region, "Kms", "aliyun_v4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        access_key = f"{access_key}/{day}/{region}/Kms/aliyun_v4_request"
    signature = hmac.new(key, f"{algorithm}\n{digest}".encode(), hashlib.sha256).hexdigest()
    return headers | {
        "Authorization": f"{algorithm} Credential={access_key},SignedHeaders={names},Signature={signature}",
    }


def acs_send(daemon, action, method="POST", parameters=None, body=b"", region=None, **more):
    """One ACS request, signed with the daemon's root access key."""
    headers = acs_headers(daemon, action, **more)
    if body:
        headers |= {"content-type": "application/x-www-form-urlencoded"}
    signed_headers = acs_sign(headers, daemon.credentials, method, parameters, body, region)
    return send(daemon, method, query=canonical(parameters or {}), body=body, headers=signed_headers)
