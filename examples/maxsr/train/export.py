"""Writes a network as safetensors: matrices and kernels in bfloat16, small vectors and statistics in float32."""
import torch
from safetensors.torch import save_file


def stored(name, tensor):
    """Everything with at least two axes is stored in bfloat16, but for the relative-position tables."""
    if tensor.is_floating_point() and tensor.dim() >= 2 and "rel_pos_bias" not in name:
        return tensor.to(torch.bfloat16)
    return tensor.float() if tensor.is_floating_point() else tensor


def export(net, path):
    tensors = {k: stored(k, v.detach().cpu()).contiguous() for k, v in net.state_dict().items()}
    save_file(tensors, path, metadata={"format": "pt", "model": "maxsr-light"})
