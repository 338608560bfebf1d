"""Makes the golden files of one format version: `python make_golden.py v2`. Never again for a version that has them.

A real daemon does one of everything that can be done without waiting for days; what it wrote is kept as it is. What is not
reached here (a rotation that comes due, a destruction, expired sessions and tokens) is pinned by its encoding, in `changes.txt`.
"""

import json
import pathlib
import sys
import tarfile

from daemon import Daemon, run
from verifier.verify import verify

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "daemon" / "tests" / "golden"


def fill(daemon):
    """One of everything; gives the blobs that must open for ever."""

    def call(product, action, **parameters):
        arguments = [part for name, value in parameters.items() for part in (f"--{name}", str(value))]
        finished = daemon.command(product, action, *arguments)
        assert finished.status == 0, (action, finished)
        return finished.json

    key = call("kms", "CreateKey", Description="golden")["KeyMetadata"]["KeyId"]
    sm4 = call("kms", "CreateKey", KeySpec="Aliyun_SM4", ClientToken="once")["KeyMetadata"]["KeyId"]
    gone = call("kms", "CreateKey")["KeyMetadata"]["KeyId"]
    call("kms", "CreateAlias", AliasName="alias/golden", KeyId=key)
    call("kms", "CreateAlias", AliasName="alias/other", KeyId=key)
    call("kms", "UpdateAlias", AliasName="alias/other", KeyId=sm4)
    call("kms", "DeleteAlias", AliasName="alias/other")
    call("kms", "UpdateKeyDescription", KeyId=key, Description="another")
    call("kms", "TagResource", KeyId=key, Tags='[{"TagKey":"a","TagValue":"b"}]')
    call("kms", "UntagResource", KeyId=key, TagKeys='["a"]')
    call("kms", "UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation="true", RotationInterval="7d")
    arn = call("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"]
    call("kms", "SetDeletionProtection", ProtectedResourceArn=arn, EnableDeletionProtection="true")
    call("kms", "ScheduleKeyDeletion", KeyId=gone, PendingWindowInDays=7)
    call("kms", "CancelKeyDeletion", KeyId=gone)
    call("kms", "DisableKey", KeyId=gone)
    call("kms", "EnableKey", KeyId=gone)
    call("kms", "ScheduleKeyDeletion", KeyId=gone, PendingWindowInDays=366)

    blobs = []
    for of, context in ((key, None), (key, '{"b":"2","a":"1"}'), (sm4, None), (sm4, '{"tenant":"blue"}')):
        more = {"EncryptionContext": context} if context else {}
        blob = call("kms", "Encrypt", KeyId=of, Plaintext="aGVsbG8=", **more)["CiphertextBlob"]
        blobs.append({"blob": blob, "context": context, "plaintext": "aGVsbG8="})
        data = call("kms", "GenerateDataKey", KeyId=of, **more)
        blobs.append({"blob": data["CiphertextBlob"], "context": context, "plaintext": data["Plaintext"]})
    again = call("kms", "ReEncrypt", CiphertextBlob=blobs[0]["blob"], DestinationKeyId=sm4)
    blobs.append({"blob": again["CiphertextBlob"], "context": None, "plaintext": "aGVsbG8="})
    refused = daemon.command("kms", "Encrypt", "--KeyId", gone, "--Plaintext", "aGVsbG8=")
    assert refused.status == 1, refused

    call("ram", "SetAccountAlias", AccountAlias="golden")
    call("ram", "CreateUser", UserName="alice")
    call("ram", "UpdateUser", UserName="alice", NewDisplayName="Alice")
    access_key = call("ram", "CreateAccessKey", UserName="alice")["AccessKey"]["AccessKeyId"]
    call("ram", "UpdateAccessKey", UserName="alice", UserAccessKeyId=access_key, Status="Inactive")
    call("ram", "DeleteAccessKey", UserName="alice", UserAccessKeyId=access_key)
    call("ram", "CreateGroup", GroupName="auditors")
    call("ram", "UpdateGroup", GroupName="auditors", NewComments="who look")
    call("ram", "AddUserToGroup", UserName="alice", GroupName="auditors")
    document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Describe*","Resource":"*"}]}'
    call("ram", "CreatePolicy", PolicyName="look", PolicyDocument=document)
    call("ram", "CreatePolicyVersion", PolicyName="look", PolicyDocument=document, SetAsDefault="true")
    call("ram", "SetDefaultPolicyVersion", PolicyName="look", VersionId="v1")
    call("ram", "DeletePolicyVersion", PolicyName="look", VersionId="v2")
    call("ram", "AttachPolicyToGroup", PolicyType="Custom", PolicyName="look", GroupName="auditors")
    call("ram", "AttachPolicyToUser", PolicyType="System", PolicyName="AliyunKMSReadOnlyAccess", UserName="alice")
    call("ram", "DetachPolicyFromUser", PolicyType="System", PolicyName="AliyunKMSReadOnlyAccess", UserName="alice")
    account = json.loads((daemon.data / "root-access-key.json").read_text())["AccountId"]
    trust = (
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        f'"Principal":{{"RAM":["acs:ram::{account}:root"]}}}}]}}'
    )
    call("ram", "CreateRole", RoleName="deputy", AssumeRolePolicyDocument=trust)
    call("ram", "UpdateRole", RoleName="deputy", NewDescription="of the root")
    call("ram", "RemoveUserFromGroup", UserName="alice", GroupName="auditors")
    call("ram", "CreateRole", RoleName="passing", AssumeRolePolicyDocument=trust)
    call("ram", "DeleteRole", RoleName="passing")
    call("ram", "CreateUser", UserName="bob")
    call("ram", "DeleteUser", UserName="bob")
    call("ram", "CreateGroup", GroupName="brief")
    call("ram", "DeleteGroup", GroupName="brief")
    call("ram", "CreatePolicy", PolicyName="brief", PolicyDocument=document)
    call("ram", "DeletePolicy", PolicyName="brief")
    rotated = run("log", "rotate-key", "--socket", daemon.socket)
    assert rotated.status == 0, rotated
    created = run("account", "create", "--name", "second", "--socket", daemon.socket)
    assert created.status == 0, created
    call("kms", "ListKeys")
    return blobs


def make(version):
    out = GOLDEN / version
    if (out / "expected.json").exists():
        sys.exit(f"{out} has its golden files: they are never made again")
    out.mkdir(parents=True, exist_ok=True)
    daemon = Daemon()
    try:
        blobs = fill(daemon.start())
        daemon.stop()
        # A second run: started, upgraded by nothing, stopped.
        daemon.start()
        daemon.stop()
        export = daemon.home / "export"
        exported = run("log", "export", "--data", daemon.data, "--to", export)
        assert exported.status == 0, exported
        report = verify(export)
        pack(out / "data.tar.xz", daemon.data, skip={"reserve", "lock"})
        pack(out / "export.tar.xz", export)
        (out / "root.key").write_text(daemon.root_key.read_text())
        (out / "blobs.json").write_text(json.dumps(blobs, indent=1) + "\n")
        expected = {
            "log": report.log,
            "events": report.events,
            "head": report.head.hex(),
            "root": report.root.hex(),
            "digest": report.digest.hex(),
            "key": report.key.hex(),
        }
        (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    finally:
        daemon.remove()


def pack(path, folder, skip=()):
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for one in sorted(folder.rglob("*")):
            if one.name not in skip:
                archive.add(one, one.relative_to(folder), recursive=False)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk" / "python"))
    make(sys.argv[1])
