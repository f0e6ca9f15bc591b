"""Workers on one machine that add their steps to one set of weights, without waiting for each other.

Every worker trains on its own batches.  Every few steps it adds what it has changed to the common vector (a
file in memory) and takes the common vector back.  Nobody waits, so a core that is busy with something else
only slows its own worker down.
"""
import fcntl
import os
import subprocess
import sys

import torch


class Common:
    def __init__(self, path, net, rank, workers):
        state = net.state_dict()
        self.tensors = [t for t in state.values() if t.is_floating_point()]
        self.sizes = [t.numel() for t in self.tensors]
        size = sum(self.sizes)
        if rank == 0:   # the others are started after this
            with open(path, "wb") as file:
                file.truncate(4 * size + 16 * workers)
        self.lock = open(path, "rb+")
        self.centre = torch.from_file(path, shared=True, size=size + 4 * workers)[:size]
        self.counts = torch.from_file(path + ".count", shared=True, size=2 * workers, dtype=torch.float64)
        self.rank = rank
        if rank == 0:
            self.centre.copy_(self.local())
            self.counts.zero_()
        self.base = self.centre.clone()
        self.take()

    def local(self):
        return torch.cat([t.detach().flatten() for t in self.tensors])

    def take(self):
        for target, part in zip(self.tensors, self.base.split(self.sizes)):
            target.copy_(part.view_as(target))

    @torch.no_grad()
    def exchange(self, steps, pixels):
        """Adds the steps since the last exchange; returns the steps and pixels of all workers."""
        mine = self.local().sub_(self.base)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.centre.add_(mine)
        self.base.copy_(self.centre)
        self.counts[2 * self.rank] += steps
        self.counts[2 * self.rank + 1] += pixels
        done = self.counts.view(-1, 2).sum(0).tolist()
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        self.take()
        return int(done[0]), int(done[1])


def start_others(workers):
    """Starts ranks 1 and up as copies of this command."""
    return [subprocess.Popen([sys.executable, "-u", os.path.abspath(sys.argv[0])] + sys.argv[1:] +
                             ["--rank", str(rank)]) for rank in range(1, workers)]
