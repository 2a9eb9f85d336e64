#!/usr/bin/env python3
"""Writes quantized.json: what the quantised cache layers of transformers 5.23.0 give to attention,
with optimum-quanto 0.2.7 and HQQ 0.2.8 doing the arithmetic on a CPU.

    python make.py > quantized.json

Keys and values are the numbers of `numbers` in their order, which ../reference/mod.rs has as well.
"""

import json
import sys

import torch
from optimum.quanto.tensor.packed import PackedTensor
from transformers.cache_utils import HQQQuantizedLayer, QuantoQuantizedLayer

HEADS, WIDTH = 2, 4
# A prompt, then some positions one by one and some at once: two quantisations follow the first.
# HQQ along axis 1 fails but for a multiple of 8 groups.
STEPS = [8, 1, 1, 6, 3, 5, 2]
LAYERS = {"quanto": QuantoQuantizedLayer, "hqq": HQQQuantizedLayer}


# Integers are taken out of their bytes in Python: quanto would compile a C++ extension for that.
def unpacked(packed):
    bits = packed._bits
    parts = [packed._data >> place & (1 << bits) - 1 for place in range(0, 8, bits)]
    return torch.cat(parts)[: packed.shape[0]]


PackedTensor.unpack = unpacked


def numbers(count, start):
    """Numbers that a float holds exactly, spread unevenly around 0."""
    drawn = (((start + place) * 7919 + 13) % 1009 - 504 for place in range(count))
    return [one * abs(one) / 65536 for one in drawn]


def written(layer, dtype):
    """What the layer gives after the last step."""
    start = 0
    for new in STEPS:
        count = HEADS * new * WIDTH
        keys, values = (
            torch.tensor(numbers(count, at)).reshape(1, HEADS, new, WIDTH).to(dtype)
            for at in (start, start + count)
        )
        start += 2 * count
        result = layer.update(keys, values)
    return [one.float().flatten().tolist() for one in result]


def main():
    cases = [
        {"backend": "quanto", "nbits": bits, "axis_key": axis_key, "axis_value": axis_value}
        for bits in (2, 4)
        for axis_key, axis_value in ((0, 0), (-1, 0), (0, -1))
    ]
    cases += [
        {"backend": "hqq", "nbits": bits, "axis_key": axis_key, "axis_value": axis_value}
        for bits in (1, 2, 4, 8)
        for axis_key, axis_value in ((0, 1), (1, 0))
    ]
    cases.append({"backend": "hqq", "nbits": 3, "axis_key": 0, "axis_value": 0})
    cases.append({"backend": "quanto", "nbits": 4, "axis_key": 0, "axis_value": 0, "dtype": "bfloat16"})
    cases.append({"backend": "hqq", "nbits": 4, "axis_key": 1, "axis_value": 1, "dtype": "bfloat16"})
    lines = []
    for case in cases:
        config = {key: value for key, value in case.items() if key != "dtype"}
        # Along the last axis, quanto wants groups that 2 heads of 8 positions fill.
        config["q_group_size"] = 4 if -1 in config.values() else 8
        config["residual_length"] = 8
        own = {key: value for key, value in config.items() if key != "backend"}
        layer = LAYERS[config["backend"]](**own)
        dtype = getattr(torch, case.get("dtype", "float32"))
        keys, values = written(layer, dtype)
        lines.append(
            json.dumps(
                {
                    "config": config,
                    "dtype": case.get("dtype", "float32"),
                    "keys": [round(one, 6) for one in keys],
                    "values": [round(one, 6) for one in values],
                },
                separators=(",", ":"),
            )
        )
    sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
