"""Fixtures: a daemon a module, so that what one module counts no other one changes."""

import pytest

from daemon import Daemon, binary
from sdk import Sdk


def pytest_configure(config):
    """Without a binary there is nothing to test, and nothing to skip either."""
    if not binary().is_file():
        pytest.exit(f"{binary()} does not exist: build it (cargo build) or name it in CHANCERY_BIN", returncode=2)


@pytest.fixture(scope="module")
def daemon():
    """A running daemon; its end must be a clean one."""
    daemon = Daemon()
    try:
        yield daemon.start()
        daemon.stop()
    finally:
        daemon.remove()


@pytest.fixture
def own_daemon():
    """A running daemon that the test may stop, kill and start again."""
    daemon = Daemon()
    try:
        yield daemon.start()
    finally:
        daemon.remove()


@pytest.fixture(scope="module")
def sdk(daemon):
    """The SDK with the root access key of `daemon`."""
    return Sdk.of(daemon)
