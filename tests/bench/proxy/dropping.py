"""A client that drops its connections, in a process of its own: the target as JSON, COUNT and SEED on its command line.

Every call has a text of its own and is sent whole, once. Prints {"answers": {text: what was answered}, "dropped":
[text]} where an answer is "right", or the message of an error.
"""

import json
import queue
import random
import select
import sys
import threading
from collections.abc import Iterable

from tests.bench.proxy.faulty import reset
from tests.bench.proxy.wire import Caller, Target, WireError

CALLERS = 8
DROPPED = 0.2  # of the calls
LATEST = 0.006  # seconds: about as long as a call takes, so that drops meet it everywhere


class Dropping:
    def __init__(self, target: Target, count: int, seed: int) -> None:
        self.answers: dict[str, str] = {}
        self.dropped: list[str] = []
        self._target, self._seed = target, seed
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()
        for number in range(count):
            self._texts.put(f"drop-{number}")

    def run(self) -> None:
        threads = [threading.Thread(target=self._some, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _some(self, number: int) -> None:
        chance = random.Random(self._seed * 1000 + number)
        caller = Caller(self._target).open()
        for text in self._rest():
            if chance.random() < DROPPED:
                self._drop(caller, text, chance)
                caller = Caller(self._target).open()
                continue
            try:
                caller.call(text)
                self.answers[text] = "right"
            except WireError as error:
                self.answers[text] = str(error)
        caller.close()

    def _rest(self) -> Iterable[str]:
        while True:
            try:
                yield self._texts.get_nowait()
            except queue.Empty:
                return

    def _drop(self, caller: Caller, text: str, chance: random.Random) -> None:
        """Sends the call and closes, at once or a little later, politely or not."""
        caller.socket.sendall(caller.request(text))
        select.select([caller.socket], [], [], chance.choice((0, chance.uniform(0, LATEST))))
        (reset if chance.random() < 0.5 else lambda connection: connection.close())(caller.socket)
        self.dropped.append(text)


if __name__ == "__main__":
    dropping = Dropping(Target(**json.loads(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
    dropping.run()
    print(json.dumps({"answers": dropping.answers, "dropped": dropping.dropped}))
