"""How long the machine let programs wait that wanted to run. What came late for that is not the proxy's fault."""

import collections
import os

WINDOW = 20  # samples


def waited(pid):
    """{thread: seconds that it was ready to run and did not}; without threads that are gone."""
    found = {}
    try:
        for thread in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{thread}/schedstat', encoding='ascii') as file:
                found[thread] = int(file.read().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


class Starvation:
    """Of one process: the most that a thread of it waited within WINDOW samples."""

    def __init__(self, pid):
        self._pid = pid
        self._samples = collections.deque(maxlen=WINDOW + 1)
        self.most = 0.0

    def sample(self):
        self.take(waited(self._pid))

    def take(self, now):
        self._samples.append(now)
        first = self._samples[0]
        self.most = max([self.most, *(seconds - first[thread] for thread, seconds in now.items() if thread in first)])
