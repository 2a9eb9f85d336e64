"""Decoding speed of the candle backend and of transformers on the same model, side by side.

Both take turns, so that whatever else the machine does falls on both; float32, two threads.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM

THREADS = 2
PROMPT = list(range(10, 26))


class Wattest:
    """A `wattest run` that answers one request after the other."""

    def __init__(self, command, model):
        self.process = subprocess.Popen(
            [command, "run", "--backend", "candle", "--model", str(model)]
            + ["--requests", "/dev/stdin", "--format", "json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def rate(self, tokens):
        """Tokens per second after the first one."""
        settings = {"min_new_tokens": tokens, "max_new_tokens": tokens}
        settings |= {"threads": THREADS, "dtype": "float32"}
        request = {"prompt_tokens": PROMPT, "settings": settings}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        assert len(answer["tokens"][0]) == tokens
        return (tokens - 1) / answer["timings"]["decode_s"], answer["tokens"][0]

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


class Transformers:
    """The same model in transformers."""

    def __init__(self, model):
        torch.set_num_threads(THREADS)
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        self.prompt = torch.tensor([PROMPT])

    def seconds(self, tokens):
        """Time of a generation, and its tokens."""
        started = time.perf_counter()
        with torch.no_grad():
            out = self.model.generate(
                self.prompt,
                attention_mask=torch.ones_like(self.prompt),
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=0,
            )
        return time.perf_counter() - started, out[0, len(PROMPT) :].tolist()

    def rate(self, tokens):
        """Tokens per second after the first one."""
        first, _ = self.seconds(1)
        whole, out = self.seconds(tokens)
        return (tokens - 1) / (whole - first), out


def main():
    """Measures a tiny and a GPT-2-sized model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wattest", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for size, tokens in (("tiny", 200), ("small", 64)):
        model = Path(options.folder) / f"decode-{size}"
        if not model.exists():
            new = [options.wattest, "model", "new", "--arch", "gpt2", "--size", size]
            subprocess.run([*new, "--seed", "7", str(model)], check=True, stdout=subprocess.DEVNULL)
        wattest, transformers = Wattest(options.wattest, model), Transformers(model)
        wattest.rate(tokens), transformers.rate(tokens)
        pairs = [(wattest.rate(tokens), transformers.rate(tokens)) for _ in range(options.rounds)]
        wattest.close()
        same = all(own[1] == other[1] for own, other in pairs)
        own = [one[0] for one, _ in pairs]
        other = [one[0] for _, one in pairs]
        ratios = sorted(a / b for a, b in zip(own, other, strict=True))
        print(
            f"  gpt2 {size}, {tokens} tokens, {THREADS} threads, float32: "
            f"wattest {statistics.median(own):.1f} tokens/s, "
            f"transformers {statistics.median(other):.1f} tokens/s, "
            f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} "
            f"in {len(ratios)} rounds), tokens {'equal' if same else 'DIFFERENT'}"
        )


if __name__ == "__main__":
    main()
