"""python -m verifier EXPORT [--key SHA256] [--consistent-with CHECKPOINT]: exit 0 when the export proves itself, 1 when not."""

import argparse
import pathlib
import sys

from .verify import Wrong, verify


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="verifier", description="Verifies an export of a chancery log.")
    parser.add_argument("export", type=pathlib.Path)
    parser.add_argument(
        "--key",
        metavar="SHA256",
        action="append",
        help="the expected SHA-256 of the first log key, hexadecimal; again for each key that no key before it vouches for",
    )
    parser.add_argument(
        "--consistent-with", metavar="CHECKPOINT", type=pathlib.Path, help="an older checkpoint that was kept elsewhere"
    )
    chosen = parser.parse_args(arguments)
    older = chosen.consistent_with.read_text("utf-8") if chosen.consistent_with else None
    try:
        report = verify(chosen.export, key=chosen.key, older=older)
    except Wrong as wrong:
        print(f"DAMAGED: {wrong}")
        return 1
    except OSError as error:
        print(f"DAMAGED: {error}")
        return 1
    for line in report.unproven:
        print(f"not proven: {line}", file=sys.stderr)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
