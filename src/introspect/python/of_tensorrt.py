"""The surface of TensorRT-LLM from its source tree: the arguments of `LLM` with the models nested
in them, and `SamplingParams`. Nothing of it is imported: that would need a GPU and its libraries."""

from pathlib import Path

import source_tree

LIMITATIONS = [
    "Taken from the source: what decorators, conditions or code at import time change is not seen.",
    "Defaults that are computed are not known, nor are names that come from compiled code.",
    "Bounds and choices that validators check are not seen.",
]

# What a user sets is declared in these.
FILES = (
    "tensorrt_llm/llmapi/llm_args.py",
    "tensorrt_llm/llmapi/build_cache.py",
    "tensorrt_llm/builder.py",
    "tensorrt_llm/plugin/plugin.py",
    "tensorrt_llm/models/modeling_utils.py",
    "tensorrt_llm/quantization/mode.py",
    "tensorrt_llm/lora_helper.py",
    "tensorrt_llm/sampling_params.py",
)
# The arguments of the two engines, and of a request.
TORCH, BUILT, SAMPLING = "TorchLlmArgs", "TrtLlmArgs", "SamplingParams"
# Configurations that shape what is built, rather than how it is run.
BUILD = {"build_config", "quant_config", "calib_config", "enable_build_cache"}
# How a tree was come by, where it is not a plain checkout: its first line is the method of the
# surface, and each further one a limitation.
PROVENANCE = "wattest-source.txt"


def surface(source):
    """The whole surface of the tree in directory `source`."""
    source = Path(source)
    version = {}
    exec((source / "tensorrt_llm/version.py").read_text(), version)
    tree, missing = source_tree.Tree(), []
    for file in FILES:
        path = source / file
        if path.is_file():
            tree.read(path.read_text())
        else:
            missing.append(file)
    entries = engine_entries(tree, missing)
    if SAMPLING in tree.classes:
        for one in tree.walk(SAMPLING):
            taken = one["path"] in entries
            path = f"sampling.{one['path']}" if taken else one["path"]
            entries[path] = one | {"path": path, "section": "sampling"}
    else:
        missing.append(SAMPLING)
    method, *told = provenance(source)
    limitations = [*told, *LIMITATIONS]
    if missing:
        limitations.append(f"Not in this source tree: {', '.join(missing)}.")
    return {
        "engine": "tensorrt_llm",
        "version": version["__version__"],
        "method": method,
        "limitations": limitations,
        "params": list(entries.values()),
    }


def engine_entries(tree, missing):
    """The arguments of both engines by path; what one of them alone takes says so."""
    entries, owners = {}, {}
    for name in (TORCH, BUILT):
        if name not in tree.classes:
            missing.append(name)
            continue
        for one in tree.walk(name):
            path = one["path"]
            owners.setdefault(path, []).append(name)
            section = "build" if path.split(".")[0] in BUILD else "engine"
            entries.setdefault(path, one | {"section": section})
    for path, names in owners.items():
        if len(set(names)) == 1:
            entries[path]["description"] = f"Of {names[0]} alone."
    return entries


def provenance(source):
    """The method of the surface, then what limits it, as far as the tree itself tells."""
    path = source / PROVENANCE
    lines = path.read_text().splitlines() if path.is_file() else []
    lines = [line.strip() for line in lines if line.strip()]
    return lines or ["read from the source of its arguments and sampling parameters"]
