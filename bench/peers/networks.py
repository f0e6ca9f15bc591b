"""Whole networks in plain PyTorch, with random weights: the cases of bench/network. Made when they are asked for."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from ngswin_model import NGswin

WEIGHTS = 5   # the seed


class MixedBlock(nn.Module):
    """A transformer block whose queries also see the kept keys and values of the templates."""

    def __init__(self, channels, heads, hidden, kept):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(channels, 1e-6), nn.LayerNorm(channels, 1e-6)
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.register_buffer("keys", torch.randn(1, heads, kept, channels // heads))
        self.register_buffer("values", torch.randn(1, heads, kept, channels // heads))

    def forward(self, x):
        batch, tokens, channels = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        out = F.scaled_dot_product_attention(q, torch.cat([self.keys, k], 2), torch.cat([self.values, v], 2))
        x = x + self.proj(out.transpose(1, 2).reshape(batch, tokens, channels))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class MixFormerV2Frame(nn.Module):
    """Search patches and four prediction tokens; keys and values of two templates are kept."""

    def __init__(self, search, template, depth, hidden, channels=768, heads=12, bins=96):
        super().__init__()
        self.patches = nn.Conv2d(3, channels, 16, 16)
        self.positions = nn.Parameter(torch.randn(1, (search // 16) ** 2, channels))
        self.prediction = nn.Parameter(torch.randn(1, 4, channels))
        self.blocks = nn.Sequential(*[MixedBlock(channels, heads, hidden, 2 * (template // 16) ** 2) for _ in range(depth)])
        self.head = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, bins))

    def forward(self, image):
        x = torch.cat([self.patches(image).flatten(2).transpose(1, 2) + self.positions, self.prediction], 1)
        return self.head(self.blocks(x)[:, -4:])


class ViTTrackFrame(nn.Module):
    """Tokens of the search region behind the kept ones of the template, three blocks, three convolutional branches."""

    def __init__(self, channels=48, depth=3, side=256, kept=64):
        super().__init__()
        widths = (3, channels // 8, channels // 4, channels // 2, channels)
        self.stem = nn.Sequential(*[m for i in range(4) for m in (nn.Conv2d(widths[i], widths[i + 1], 3, 2, 1), nn.Hardswish())][:-1])
        self.cells = side // 16
        self.register_buffer("template", torch.randn(1, kept, channels))
        self.positions = nn.Parameter(torch.randn(1, self.cells ** 2, channels))
        self.blocks = nn.Sequential(*[MixedBlock(channels, 1, 4 * channels, 0) for _ in range(depth)])
        self.norm = nn.LayerNorm(channels)
        self.branches = nn.ModuleList(self.branch(channels, outputs) for outputs in (1, 2, 2))

    @staticmethod
    def branch(channels, outputs):
        widths = (channels, 32, 16, 8, 4)
        layers = [m for i in range(4) for m in (nn.Conv2d(widths[i], widths[i + 1], 3, 1, 1), nn.ReLU())]
        return nn.Sequential(*layers, nn.Conv2d(4, outputs, 1))

    def forward(self, image):
        x = torch.cat([self.template, self.stem(image).flatten(2).transpose(1, 2) + self.positions], 1)
        x = self.norm(self.blocks(x))[:, -self.cells ** 2:].transpose(1, 2).reshape(1, -1, self.cells, self.cells)
        score, size, offset = (branch(x) for branch in self.branches)
        return torch.cat([score.sigmoid(), size.sigmoid(), offset], 1)


def from_timm(name):
    import timm
    return timm.create_model(name, pretrained=False)


def networks():
    """Key -> (what makes the module, side of the picture)."""
    return {
        "n-mixformerv2-s": (lambda: MixFormerV2Frame(224, 112, 4, 768), 224),
        "n-mixformerv2-b": (lambda: MixFormerV2Frame(288, 128, 8, 3072), 288),
        "n-vittrack": (ViTTrackFrame, 256),
        "n-swin-t": (lambda: from_timm("swin_tiny_patch4_window7_224"), 224),
        "n-swinv2-t": (lambda: from_timm("swinv2_tiny_window8_256"), 256),
        "n-maxvit-t": (lambda: from_timm("maxvit_tiny_tf_224"), 224),
        "n-vit-b": (lambda: from_timm("vit_base_patch16_224"), 224),
        "n-ngswin": (NGswin, 64),
    }


def seeded(make):
    """The same weights at every call."""
    def module(_form):
        torch.manual_seed(WEIGHTS)
        return make()
    return module
