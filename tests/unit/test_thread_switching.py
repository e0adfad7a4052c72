"""The switch interval is short only while a process needs it."""

import sys

from mailer.thread_switching import SWITCH_INTERVAL, shorten_switch_interval


def test_switch_interval_is_restored_after_an_error() -> None:
    previous_interval = sys.getswitchinterval()
    try:
        with shorten_switch_interval():
            assert abs(sys.getswitchinterval() - SWITCH_INTERVAL) < 1e-6
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert sys.getswitchinterval() == previous_interval
