"""Writes the surface of an engine as JSON.

    main.py ENGINE OUTPUT [SOURCE]

OUTPUT is a file: what the engine prints while it is imported is not part of the answer.
"""

import json
import os
import sys

# Nothing is asked of a network, and no helper process is started.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1")


def main():
    """The one command."""
    engine, output = sys.argv[1:3]
    if engine == "vllm":
        import of_vllm

        surface = of_vllm.surface()
    elif engine == "transformers":
        import of_transformers

        surface = of_transformers.surface()
    else:
        import of_tensorrt

        surface = of_tensorrt.surface(sys.argv[3])
    with open(output, "w", encoding="utf-8") as file:
        json.dump(surface, file)


main()
