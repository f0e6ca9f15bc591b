"""Trains MaxSR-light.  The schedule follows the wall clock, so a run ends annealed however slow the machine was.

    python train.py --cache FOLDER --out FOLDER --until 17:25
    python train.py --cache FOLDER --out FOLDER --minutes 20 --resume FOLDER/state.pt --restart --rate 5e-4
    python train.py --cache FOLDER --out FOLDER --minutes 20 --scale 3 --init maxsr_light_x2.safetensors
"""
import argparse
import copy
import datetime
import math
import os
import signal
import time

import numpy as np
import torch
from safetensors.torch import load_file

import fused
import metrics
import shared
from batches import Pairs
from export import export
from model import LIGHT, MaxSR, interpolate_at_start

# (share of the schedule, crop side, share of --pixels in a batch): perfect squares, so nothing is padded.
PHASES = ((0.65, 25, 1.0), (0.92, 36, 1.0), (1.00, 64, 1.6))


def arguments():
    parse = argparse.ArgumentParser()
    parse.add_argument("--cache", required=True, help="folder that data.py has filled")
    parse.add_argument("--out", required=True, help="folder for checkpoints and weights")
    parse.add_argument("--scale", type=int, default=2)
    parse.add_argument("--until", help="end as HH:MM, local clock")
    parse.add_argument("--minutes", type=float, default=60)
    parse.add_argument("--rate", type=float, default=2e-3)
    parse.add_argument("--outer", type=float, default=0.2, help="rate factor of stem, fusion and reconstruction")
    parse.add_argument("--warm", type=int, default=300, help="steps until the full rate")
    parse.add_argument("--pixels", type=int, default=10000, help="LR pixels in a batch")
    parse.add_argument("--crop", type=int, help="one crop side throughout, e.g. 64 on a GPU")
    parse.add_argument("--init", help="safetensors to start from; parameters of another shape stay fresh")
    parse.add_argument("--resume", help="state.pt to continue")
    parse.add_argument("--freeze-norm", action="store_true",
                       help="with --resume: go on from the average, its batch-norm statistics fixed")
    parse.add_argument("--restart", action="store_true", help="with --resume: a new schedule from now")
    parse.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parse.add_argument("--threads", type=int, default=0, help="threads of a worker")
    parse.add_argument("--workers", type=int, default=1, help="processes that share the weights (CPU)")
    parse.add_argument("--rank", type=int, default=0, help="set by the first worker for the others")
    parse.add_argument("--exchange", type=int, default=4, help="steps between two exchanges of the workers")
    parse.add_argument("--save-every", type=float, default=180, help="seconds")
    parse.add_argument("--judge-every", type=float, default=900, help="seconds between held-out checks")
    parse.add_argument("--decay", type=float, default=0.999, help="of the weight average, per step")
    parse.add_argument("--seed", type=int, default=1)
    return parse.parse_args()


def end_time(args):
    if not args.until:
        return time.time() + 60 * args.minutes
    hour, minute = map(int, args.until.split(":"))
    now = datetime.datetime.now()
    end = now.replace(hour=hour, minute=minute, second=0)
    return (end if end > now else end + datetime.timedelta(days=1)).timestamp()


@torch.no_grad()
def follow(average, net, decay):
    """Exponential average of the parameters; batch-norm statistics follow in the same way."""
    ours, theirs = average.state_dict(), net.state_dict()
    floats = [k for k in ours if ours[k].is_floating_point()]
    torch._foreach_lerp_([ours[k] for k in floats], [theirs[k] for k in floats], 1 - decay)
    for k in ours.keys() - set(floats):
        ours[k].copy_(theirs[k])


@torch.no_grad()
def judge(net, pairs, device):
    """Mean PSNR on crops of the held-out pictures."""
    net.eval()
    scores = []
    for lr, hr in pairs.held_out():
        x = torch.from_numpy(lr.copy()).permute(2, 0, 1)[None].float().div(255).to(device)
        y = net(x)[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
        scores.append(metrics.psnr(y, hr, pairs.scale))
    return float(np.mean(scores))


class Run:
    def __init__(self, args):
        self.args, self.device = args, torch.device(args.device)
        torch.manual_seed(args.seed)
        self.net = MaxSR(args.scale, **LIGHT)
        interpolate_at_start(self.net)
        if args.init:
            self.load_similar(load_file(args.init))
        self.net.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.groups(), args.rate, betas=(0.9, 0.99), weight_decay=0,
                                           fused=True)
        self.count = dict(steps=0, pixels=0, seconds=0.0)
        self.begin, self.end = time.time(), end_time(args)
        self.warm_from = 0
        if args.resume:
            self.load(args.resume)
        self.common, self.others = None, []
        if args.workers > 1:
            self.common = shared.Common(os.path.join(args.out, "common"), self.net, args.rank, args.workers)
            self.others = shared.start_others(args.workers) if args.rank == 0 else []
        if self.device.type == "cpu" and fused.supported():
            fused.fuse(self.net)
        self.before, self.own = dict(self.count), dict(steps=0, pixels=0)
        self.pairs = Pairs(args.cache, args.scale, [args.seed, args.rank, self.count["steps"]])
        self.stop = False

    def groups(self):
        """The convolutions around the stages act on the picture directly and get a smaller rate.

        Their inputs are strongly correlated, so a step of the full rate in all weights at once moves the result
        by whole grey levels.
        """
        inner = [p for name, p in self.net.named_parameters() if name.startswith("stages")]
        outer = [p for name, p in self.net.named_parameters() if not name.startswith("stages")]
        return [dict(params=inner, factor=1.0), dict(params=outer, factor=self.args.outer)]

    def load_similar(self, tensors):
        own = self.net.state_dict()
        same = {k: v.to(own[k].dtype) for k, v in tensors.items() if k in own and own[k].shape == v.shape}
        self.net.load_state_dict(same, strict=False)
        print("started from %d of %d tensors" % (len(same), len(own)), flush=True)

    def load(self, path):
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["average" if self.args.freeze_norm else "net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.count = state["count"]
        if self.args.restart:
            self.warm_from = self.count["steps"]
        else:
            self.begin = state["begin"]

    def save(self):
        path = os.path.join(self.args.out, "state.pt")
        torch.save(dict(net=self.net.state_dict(), average=self.average.state_dict(), begin=self.begin,
                        optimiser=self.optimiser.state_dict(), count=self.count), path + ".new")
        os.replace(path + ".new", path)
        export(self.average, os.path.join(self.args.out, "maxsr_light_x%d.safetensors" % self.args.scale))

    def plan(self, progress):
        """(crop side, pictures in a batch, learning rate) at a share of the schedule."""
        side, share = next((c, s) for end, c, s in PHASES if progress < end or end == 1.0)
        if self.args.crop:
            side, share = self.args.crop, 1.0
        warm = min(1.0, (self.count["steps"] - self.warm_from + 1) / self.args.warm)
        rate = self.args.rate * warm * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * progress)))
        return side, max(1, round(self.args.pixels * share / side ** 2)), rate

    def step(self, progress):
        side, size, rate = self.plan(progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        low, high = (t.to(self.device, non_blocking=True) for t in self.pairs.batch(size, side))
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = (self.net(low) - high).abs().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.advance(size * side * side)
        return loss.detach(), side, rate

    def advance(self, pixels):
        """Counts a step, exchanges with the other workers and lets the average follow."""
        before = self.count["steps"]
        if not self.common:
            self.count["steps"] += 1
            self.count["pixels"] += pixels
        else:
            self.own["steps"] += 1
            self.own["pixels"] += pixels
            if self.own["steps"] < self.args.exchange:
                return
            steps, pixels = self.common.exchange(**self.own)
            self.own = dict(steps=0, pixels=0)
            self.count["steps"] = self.before["steps"] + steps
            self.count["pixels"] = self.before["pixels"] + pixels
        if self.args.rank == 0:
            n = self.count["steps"]
            decay = min(self.args.decay, (1 + n) / (10 + n)) ** (n - before)
            follow(self.average, self.net, decay)

    def train(self):
        self.net.train()
        if self.args.freeze_norm:
            for layer in self.net.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.eval()
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop", True))
        saved = judged = told = time.time()
        losses, pixels = [], self.count["pixels"]
        while time.time() < self.end and not self.stop:
            start = time.time()
            loss, side, rate = self.step((start - self.begin) / (self.end - self.begin))
            losses.append(loss)
            now = time.time()
            self.count["seconds"] += min(now - start, 10)
            if self.args.rank:
                continue
            if now - told > 30:
                print("%s step %d  %.2f Mpx  %.1f kpx/s  crop %d  rate %.2e  L1 %.3f" % (
                    time.strftime("%H:%M:%S"), self.count["steps"], self.count["pixels"] / 1e6,
                    (self.count["pixels"] - pixels) / 1e3 / (now - told), side, rate,
                    255 * torch.stack(losses).mean().item()), flush=True)
                told, pixels, losses = now, self.count["pixels"], []
            if now - saved > self.args.save_every:
                self.save()
                saved = time.time()
            if now - judged > self.args.judge_every:
                print("%s held-out PSNR %.3f" % (time.strftime("%H:%M:%S"),
                                                 judge(self.average, self.pairs, self.device)), flush=True)
                judged = time.time()
        if self.args.rank:
            return
        for other in self.others:
            other.terminate()
        self.save()
        print("%s end: %s, held-out PSNR %.3f" % (time.strftime("%H:%M:%S"), self.count,
                                                  judge(self.average, self.pairs, self.device)), flush=True)


if __name__ == "__main__":
    options = arguments()
    os.makedirs(options.out, exist_ok=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    Run(options).train()
