"""An adapter whose engine does what its settings say: for the tests of the host.

`raise` names an exception, `at` the phase in which it is raised (check, load, generate, close),
`message` what it says; `print` and `warn` are written in `at`; `leak` keeps so many bytes.
"""

import builtins
import os
import sys
import warnings

PACKAGE = "json"

kept = []


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


class Stop(BaseException):
    """Not even an Exception."""


def environment():
    return {"WATTEST_STAND_IN": "1"}


def reset():
    pass


def act(settings, phase):
    """What `settings` ask for in `phase`."""
    if settings.get("at", "generate") != phase:
        return
    if "print" in settings:
        # Held back by Python and by C, which only a flush brings out.
        sys.stdout.write(settings["print"])
        os.write(2, b"written\n")
    if "warn" in settings:
        warnings.warn(settings["warn"], DeprecationWarning, stacklevel=1)
    if "leak" in settings:
        kept.append(b"\x01" * settings["leak"])
    if "raise" in settings:
        name = settings["raise"]
        kind = globals().get(name) or getattr(builtins, name)
        raise kind(settings.get("message", "asked for"))


def check(settings, model):
    act(settings, "check")


def load(model, settings):
    act(settings, "load")
    return Engine(settings)


class Engine:
    architecture = "stand_in"

    def __init__(self, settings):
        self.settings = settings

    def effective(self):
        return {**self.settings, "unreadable": object(), "endless": float("inf")}

    def token_text(self, token):
        return f"<{token}>"

    def generate(self, prompts, settings):
        act(settings, "generate")
        rows = [{"tokens": [7, 9], "text": "ab", "finish": "length", "scores": None, "sequence_score": None}]
        made = [{"prompt_tokens": prompt.get("tokens", [1]), "rows": rows} for prompt in prompts]
        timings = {"prefill_s": settings.get("prefill_s", 0.25), "decode_s": 0.5, "steps_s": [0.5]}
        timings["batches"] = [{"begin_ns": 10, "first_ns": 20, "end_ns": 40}]
        return {"prompts": made, "effective": {**self.settings, **settings}, "timings": timings}

    def close(self):
        act(self.settings, "close")
