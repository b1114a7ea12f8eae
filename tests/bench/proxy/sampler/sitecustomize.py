"""Put before a server by PYTHONPATH: samples where its processor time goes. The file of BENCH_SAMPLES gets the counts.

SIGUSR1 begins anew, SIGUSR2 writes {"thread · file": samples} and stops. One sample per millisecond of the process's
processor time (ITIMER_PROF): of the event loop's innermost Python frame, or of the other threads while the loop sleeps.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter

INTERVAL = 0.001
_ASLEEP = ("selectors.py", "twisted/internet/epollreactor.py")
_samples: Counter[str] = Counter()


def _sample(number, frame) -> None:
    if frame is not None and not frame.f_code.co_filename.endswith(_ASLEEP):
        _samples[f"loop · {frame.f_code.co_filename}"] += 1
        return
    main = threading.main_thread().ident
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, other in sys._current_frames().items():
        if ident != main and not other.f_code.co_filename.endswith(("threading.py", "queue.py", *_ASLEEP)):
            _samples[f"{names.get(ident, '?')} · {other.f_code.co_filename}"] += 1


def _begin(number, frame) -> None:
    _samples.clear()
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)


def _write(number, frame) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    path = os.environ["BENCH_SAMPLES"]
    with open(f"{path}.new", "w") as file:
        json.dump(_samples, file)
    os.replace(f"{path}.new", path)


if "BENCH_SAMPLES" in os.environ:
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _write)
