import os
import signal
import subprocess
import sys

import pytest

from flows.checkout import CheckoutBusyError, checkout_lock

HOLD = """
import sys, time
from pathlib import Path
from flows.checkout import checkout_lock
with checkout_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_writer_is_told_who_the_first_is(tmp_path):
    lock = tmp_path / "flow.lock"
    with (
        checkout_lock(lock),
        pytest.raises(CheckoutBusyError, match=f"process {os.getpid()} "),
        checkout_lock(lock),
    ):
        pass
    with checkout_lock(lock):
        pass


def test_a_killed_writer_leaves_no_lock_behind(tmp_path):
    lock = tmp_path / "flow.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(CheckoutBusyError, match=f"process {holder.pid} "), checkout_lock(lock):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with checkout_lock(lock):
        pass
