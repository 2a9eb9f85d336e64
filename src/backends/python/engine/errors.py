"""Exceptions of an engine as answers: what kind, whose fault, and the traceback for the record.

Pure: nothing here imports an engine, so that its types are known by name.
"""

import re
import traceback

# Lines of a traceback that are kept: the first say who called, the last where it was raised.
HEAD, TAIL = 20, 180

# The host itself, of which a traceback says nothing that matters.
HOST = "<wattest host.py>"

# The words by which the allocators of torch and of CUDA say that memory is short.
SHORTAGE = re.compile(
    r"out of memory|DefaultCPUAllocator: (?:can't|not enough)|cannot allocate memory"
    r"|CUBLAS_STATUS_ALLOC_FAILED|no available memory for the cache blocks",
    re.IGNORECASE,
)
UNITS = {"b": 1, "byte": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
SIZE = r"([0-9]+(?:\.[0-9]+)?) ?(bytes?|[KMGT]iB|B)\b"


def told(error, phase, settings):
    """The answer for `error`, raised in `phase` (open, check, load, generate, close) with `settings`.

    What `check` raises is a refusal: nothing was done. So is what an adapter marks with `before_work`.
    All else failed.
    """
    if isinstance(error, MemoryError) or is_shortage(error):
        return shortage(error)
    # An exit or an interruption is the end of a program, and no answer to a setting.
    if phase == "load" and is_model(error):
        return {"kind": "model", "message": said(error)}
    is_early = phase == "check" or getattr(error, "before_work", False)
    if is_early and isinstance(error, Exception):
        return refusal(error, settings)
    return {"kind": "failed", "message": said(error), "frames": frames(error)}


def refusal(error, settings):
    """The answer for a refusal: the parameter that the message names, if any, and its value."""
    name = blamed(error, settings)
    return {
        "kind": "refused",
        "parameter": name,
        "value": settings.get(name),
        "rule": rule(error),
    }


def rule(error):
    """What an exception says that refuses a setting, in one line."""
    details = validation(error)
    if details:
        return "; ".join(f"{dotted(one)}: {one['msg']}" if one.get("loc") else one["msg"] for one in details)
    if isinstance(error, ValueError) and str(error).strip():
        return one_line(str(error))
    return said(error)


def said(error):
    """Type and message of an exception in one line, as the last line of a traceback."""
    text = one_line(str(error))
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def one_line(text):
    """`text` with every run of white space as one space."""
    return " ".join(text.split())


def validation(error):
    """The single errors of a pydantic ValidationError; none for anything else."""
    if type(error).__name__ != "ValidationError" or not callable(getattr(error, "errors", None)):
        return []
    try:
        return [one for one in error.errors() if isinstance(one.get("msg"), str)]
    except Exception:
        return []


def dotted(detail):
    """The place of a pydantic error as a path."""
    return ".".join(str(part) for part in detail.get("loc", ()))


def blamed(error, settings):
    """The setting that the message of `error` names; "" where it names none.

    A pydantic error has the place, and some errors have the name themselves. Else it is the setting whose whole path, or whose last part,
    stands in the message as a word; of several the one whose value is named as well, then the
    one that is named first.
    """
    for detail in validation(error):
        place = dotted(detail)
        parts = [part for part in place.split(".") if not part.isdigit()]
        for path in sorted(settings, key=len, reverse=True):
            # A place is below the class that was checked, which may lie deep in the path, and a
            # union adds the name of its member behind.
            if path in (place, ".".join(parts)) or path.rpartition(".")[2] in parts:
                return path
    own = getattr(error, "parameter", None)
    if isinstance(own, str) and own in settings:
        return own
    text = str(error)
    found = []
    for path, value in settings.items():
        where = position(text, path)
        if where is None:
            where = position(text, path.rpartition(".")[2])
        if where is not None:
            found.append((not is_named(text, value), where, -len(path), path))
    return min(found)[3] if found else ""


def position(text, name):
    """Where `name` stands in `text` as a word of its own, with its words joined by `_`, `-` or nothing else."""
    pattern = re.escape(name).replace("_", "[_-]")
    match = re.search(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9_])", text)
    return match.start() if match else None


def is_named(text, value):
    """Whether `value` stands in `text`, as Python writes it."""
    if value is None or isinstance(value, (bool, dict, list)):
        return repr(value) in text
    return position(text, str(value)) is not None


def is_shortage(error):
    """Whether an exception says that memory is short."""
    if type(error).__name__ in ("OutOfMemoryError", "OutOfMemory"):
        return True
    return isinstance(error, RuntimeError) and bool(SHORTAGE.search(str(error)))


def shortage(error):
    """The answer for memory that is short, with the sizes that the message has."""
    text = str(error)
    device = re.search(r"\bGPU (\d+)", text)
    on_cuda = device or "CUDA" in text
    return {
        "kind": "oom",
        "message": said(error),
        "device": f"cuda:{device[1] if device else 0}" if on_cuda else "cpu",
        "asked_bytes": size(text, r"[Tt]ried to allocate "),
        "free_bytes": size(text, r"of which "),
        "capacity_bytes": size(text, r"total capacity of "),
        "frames": frames(error),
    }


def size(text, before):
    """The bytes of the size that stands behind `before`; None where there is none."""
    match = re.search(before + SIZE, text)
    if not match:
        return None
    return int(float(match[1]) * UNITS[match[2].lower().removesuffix("s")])


def is_model(error):
    """Whether an exception while loading is about the files of the model."""
    if type(error).__name__ == "SafetensorError":
        return True
    return isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))


def frames(error):
    """The lines of the traceback, with its causes, without the host's own frames and the last line."""
    told = traceback.TracebackException.from_exception(without_own(error))
    # The end of it is the message.
    last = len(written(told.format_exception_only()))
    lines = written(told.format())[:-last]
    if len(lines) > HEAD + TAIL:
        left_out = len(lines) - HEAD - TAIL
        lines[HEAD:-TAIL] = [f"... {left_out} lines left out ..."]
    return lines


def written(texts):
    """The lines of `texts` that have something on them."""
    return [line for text in texts for line in text.splitlines() if line.strip()]


def without_own(error):
    """`error` with the frames of the host taken off the top of its traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == HOST:
        trace = trace.tb_next
    return error.with_traceback(trace)
