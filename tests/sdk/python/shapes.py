"""Answers as the wire contract has them: which fields, of which JSON type, and nothing else.

`"s"` is a string, `0` a number, `Name?` may be absent, a list holds any number of its one item.
"""

_KEY = {
    "Arn": "s", "AutomaticRotation": "s", "CreationDate": "s", "Creator": "s", "DeleteDate": "s", "Description": "s",
    "KeyId": "s", "KeySpec": "s", "KeyState": "s", "KeyUsage": "s", "LastRotationDate?": "s", "MaterialExpireTime": "s",
    "NextRotationDate?": "s", "Origin": "s", "PrimaryKeyVersion?": "s", "ProtectionLevel": "s", "RotationInterval?": "s",
}
_DONE = {"RequestId": "s"}
_PAGE = {"PageNumber": 0, "PageSize": 0, "TotalCount": 0, "RequestId": "s"}
_VERSION = {"CreationDate": "s", "KeyId": "s", "KeyVersionId": "s"}
_BLOB = {"CiphertextBlob": "s", "KeyId": "s", "KeyVersionId": "s", "RequestId": "s"}

SHAPES = {
    "CreateKey": {"KeyMetadata": _KEY, "RequestId": "s"},
    "DescribeKey": {
        "KeyMetadata": _KEY | {"DeletionProtection": "s", "DeletionProtectionDescription?": "s"},
        "RequestId": "s",
    },
    "ListKeys": {"Keys": {"Key": [{"KeyArn": "s", "KeyId": "s"}]}} | _PAGE,
    "EnableKey": _DONE,
    "DisableKey": _DONE,
    "ScheduleKeyDeletion": _DONE,
    "CancelKeyDeletion": _DONE,
    "Encrypt": _BLOB,
    "Decrypt": {"KeyId": "s", "KeyVersionId": "s", "Plaintext": "s", "RequestId": "s"},
    "GenerateDataKey": _BLOB | {"Plaintext": "s"},
    "CreateAlias": _DONE,
    "UpdateAlias": _DONE,
    "DeleteAlias": _DONE,
    "ListAliases": {"Aliases": {"Alias": [{"AliasArn": "s", "AliasName": "s", "KeyId": "s"}]}} | _PAGE,
    "ListAliasesByKeyId": {"Aliases": {"Alias": [{"AliasArn": "s", "AliasName": "s", "KeyId": "s"}]}} | _PAGE,
    "UpdateKeyDescription": _DONE,
    "SetDeletionProtection": _DONE,
    "UpdateRotationPolicy": _DONE,
    "DescribeKeyVersion": {"KeyVersion": _VERSION, "RequestId": "s"},
    "ListKeyVersions": {"KeyVersions": {"KeyVersion": [_VERSION]}} | _PAGE,
    "ReEncrypt": _BLOB,
    "GenerateDataKeyWithoutPlaintext": _BLOB,
    "TagResource": _DONE,
    "UntagResource": _DONE,
    "ListResourceTags": {"Tags": {"Tag": [{"KeyId": "s", "TagKey": "s", "TagValue": "s"}]}, "RequestId": "s"},
    "TagResources": _DONE,
    "UntagResources": _DONE,
    "ListTagResources": {
        "NextToken": "s",
        "TagResources": {"TagResource": [{"ResourceId": "s", "ResourceType": "s", "TagKey": "s", "TagValue": "s"}]},
        "RequestId": "s",
    },
    "DescribeAccountKmsStatus": {"AccountStatus": "s", "RequestId": "s"},
    "DescribeRegions": {"Regions": {"Region": [{"RegionId": "s"}]}, "RequestId": "s"},
    "error": {"HttpStatus": 0, "Code": "s", "Message": "s", "RequestId": "s", "HostId": "s", "Recommend": "s"},
}


def assert_shape(name, answer):
    """Fails with the path of the first field that is not as the contract has it."""
    _compare(name, SHAPES[name], answer)
    return answer


def _compare(path, shape, value):
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{path}: not an object: {value!r}"
        allowed = {name.rstrip("?"): inner for name, inner in shape.items()}
        needed = {name for name in shape if not name.endswith("?")}
        assert needed <= set(value), f"{path}: without {sorted(needed - set(value))}"
        assert set(value) <= set(allowed), f"{path}: and also {sorted(set(value) - set(allowed))}"
        for name, inner in value.items():
            _compare(f"{path}.{name}", allowed[name], inner)
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{path}: not a list: {value!r}"
        for position, inner in enumerate(value):
            _compare(f"{path}[{position}]", shape[0], inner)
    else:
        # The exact type: to Python a boolean is an integer, to a strict SDK it is not.
        assert type(value) is type(shape), f"{path}: {value!r}"
