"""Writes what bitsandbytes makes of random layers, for the tests beside this file.

Needs bitsandbytes 0.50.2 and torch 2.11.0, on a CPU.

    python make.py > layers.json

The numbers are those of `drawn`, which both sides compute. Recorded are the codes (as hexadecimal
bytes), the scales and the output, floats as the bits of their float32; of the weights as they come
back, the SHA-256 of these bits.
"""

import hashlib
import json
import struct
import sys
from itertools import product

import bitsandbytes as bnb
import bitsandbytes.functional as F
import bitsandbytes.nn.modules as modules
import torch

# On a processor with these instructions bitsandbytes packs weights of four bits anew for them, and
# multiplies in bfloat16 whatever was asked for.
modules.has_avx512bf16 = lambda: False

MASK = (1 << 64) - 1
TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def mix(seed):
    z = (seed + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def drawn(seed, count, kind):
    """Numbers of that kind: multiples of 2^-16, so that they are the same everywhere."""
    state, numbers = seed, []
    for index in range(count):
        state = mix(state)
        # The sum of four is near to normal.
        total = sum((state >> shift) & 0xFFFF for shift in (0, 16, 32, 48)) - 2 * 0xFFFF
        number = total / 65536.0
        if kind == "zeros" or (kind == "gaps" and index // 64 % 2 == 0):
            number = 0.0
        elif kind == "small":
            number /= 1 << 14
        elif kind == "outliers" and index % 37 == 5:
            number *= 16
        numbers.append(number)
    return torch.tensor(numbers, dtype=torch.float64).to(torch.float32)


def bits(tensor):
    floats = tensor.detach().to(torch.float32).reshape(-1).tolist()
    return struct.pack(f"<{len(floats)}f", *floats).hex()


def digest(tensor):
    # The code 8 of fp4 is 0 or -0 there, as the width of a row has it.
    tensor = tensor + 0.0
    return hashlib.sha256(bytes.fromhex(bits(tensor))).hexdigest()


def raw(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex()


def layer(case, linear):
    """The layer of `case`, loaded and quantised, its input, and its output."""
    dtype = TYPES[case["dtype"]]
    out, width = case["out"], case["in"]
    weight = drawn(1 + case["seed"], out * width, case["weights"]).reshape(out, width).to(dtype)
    bias = drawn(2 + case["seed"], out, "normal").to(dtype)
    x = drawn(3 + case["seed"], case["rows"] * width, case["inputs"])
    x = (x * 2).reshape(case["rows"], width).to(dtype)
    state = {"weight": weight, "bias": bias} if case["bias"] else {"weight": weight}
    linear.load_state_dict(state)
    linear.eval().to("cpu")
    with torch.no_grad():
        return linear(x)


def eight(case):
    linear = bnb.nn.Linear8bitLt(
        case["in"], case["out"], case["bias"], has_fp16_weights=False, threshold=case["threshold"]
    )
    output = layer(case, linear)
    codes, scales = linear.state.CB, linear.state.SCB
    return {
        "codes": raw(codes),
        "scales": bits(scales),
        "back": digest(F.int8_vectorwise_dequant(codes, scales)),
        "output": bits(output),
    }


def four(case):
    linear = bnb.nn.Linear4bit(
        case["in"],
        case["out"],
        case["bias"],
        compute_dtype=TYPES[case["compute"]],
        compress_statistics=case["double"],
        quant_type=case["book"],
    )
    output = layer(case, linear)
    state = linear.weight.quant_state
    answer = {"codes": raw(linear.weight), "output": bits(output)}
    if state.nested:
        answer["scales"] = raw(state.absmax)
        answer["scales_of_scales"] = bits(state.state2.absmax)
        answer["mean"] = bits(state.offset)
    else:
        answer["scales"] = bits(state.absmax)
    state.dtype = TYPES[case["compute"]]
    answer["back"] = digest(F.dequantize_4bit(linear.weight, state))
    return answer


def cases():
    # No width that 16 divides and 64 does not: on a processor with AVX512 bitsandbytes takes the
    # scales of the wrong blocks for it (`dequantizeBlockwise4bitCpu` in csrc/cpu_ops.cpp).
    shapes = [(1, 1, 1), (3, 5, 2), (4, 64, 1), (10, 33, 3), (3, 200, 2), (8, 90, 4)]
    seed = 0
    for (out, width, rows), weights, threshold in product(
        shapes, ("normal", "gaps", "outliers", "small", "zeros"), (0.0, 6.0, 1.0)
    ):
        if weights in ("small", "zeros") and (width not in (33, 90) or threshold == 1.0):
            continue
        seed += 10
        yield "eight", {
            "out": out,
            "in": width,
            "rows": rows,
            "weights": weights,
            "inputs": ("normal", "outliers", "gaps")[seed // 10 % 3],
            "threshold": threshold,
            "dtype": list(TYPES)[seed // 20 % 3],
            "bias": seed // 10 % 2 == 0,
            "seed": seed,
        }
    for (out, width, rows), weights, book, double in product(
        shapes, ("normal", "gaps", "outliers", "small", "zeros"), ("nf4", "fp4"), (False, True)
    ):
        if weights in ("small", "zeros") and width not in (33, 90):
            continue
        seed += 10
        yield "four", {
            "out": out,
            "in": width,
            "rows": rows,
            "weights": weights,
            "inputs": "normal",
            "book": book,
            "double": double,
            "compute": list(TYPES)[seed // 10 % 3],
            "dtype": list(TYPES)[seed // 30 % 3],
            "bias": seed // 20 % 2 == 0,
            "seed": seed,
        }
    # More blocks than one block of scales has.
    for double_seed, book in ((1, "nf4"), (2, "fp4")):
        yield "four", {
            "out": 150,
            "in": 130,
            "rows": 1,
            "weights": "outliers",
            "inputs": "normal",
            "book": book,
            "double": True,
            "compute": "float32",
            "dtype": "float32",
            "bias": False,
            "seed": 100_000 + double_seed,
            "brief": True,
        }


def main():
    torch.set_num_threads(1)
    found = {"eight": [], "four": []}
    for kind, case in cases():
        answer = {"eight": eight, "four": four}[kind](case)
        if case.pop("brief", False):
            # They are long, and the digest covers them.
            del answer["codes"], answer["output"]
        found[kind].append({**case, **answer})
    for kind, answers in found.items():
        print(f"{kind}: {len(answers)} layers", file=sys.stderr)
    lines = [
        f'"{kind}": [\n' + ",\n".join(map(json.dumps, answers)) + "\n]"
        for kind, answers in found.items()
    ]
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
