"""What is read of annotations, of classes, and of a source tree that stands in for TensorRT-LLM."""

import dataclasses
import enum
import sys
import tempfile
import typing
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src/introspect/python"))

import annotations
import fields
import of_tensorrt


class Colour(enum.Enum):
    """An enumeration of text."""

    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Inner:
    """What is nested."""

    width: int = 3
    again: "Inner | None" = None


@dataclasses.dataclass
class Outer:
    """A configuration."""

    plain: bool = False
    size: typing.Optional[int] = None
    mode: typing.Literal["a", "b", None] = "a"
    colour: Colour = Colour.RED
    inner: Inner = dataclasses.field(default_factory=Inner)
    hook: typing.Callable | None = None
    names: list[str] = dataclasses.field(default_factory=list)
    _private: int = 0


class Annotations(unittest.TestCase):
    """Objects and texts say the same."""

    CASES = (
        (int, "int", ["int"], [], False, False),
        (str | None, "str | None", ["string"], [], True, False),
        (typing.Union[int, list[str]], "Union[int, List[str]]", ["int", "list"], [], False, False),
        (typing.Literal["x", 2], "Literal['x', 2]", ["enum"], ["x", 2], False, False),
        (typing.Literal[True, "x"], "Literal[True, 'x']", ["bool", "enum"], ["x"], False, False),
        (dict[str, int], "Dict[str, int]", ["map"], [], False, False),
        (typing.Any, "Any", [], [], False, True),
    )

    def test_objects_and_texts(self):
        """Every case both ways."""
        for given, text, types, choices, optional, opaque in self.CASES:
            for said in (annotations.read(given), annotations.read_text(text)):
                found = (said.types, said.choices, said.optional, said.opaque)
                self.assertEqual(found, (types, choices, optional, opaque), text)

    def test_bounds(self):
        """Those of aliases and of fields."""
        self.assertEqual(annotations.read_text("PositiveInt").bounds, {"gt": 0})
        text = "Annotated[float, Field(ge=0, lt=1.5)]"
        self.assertEqual(annotations.read_text(text).bounds, {"ge": 0, "lt": 1.5})


class Classes(unittest.TestCase):
    """The fields of a class."""

    def test_walk(self):
        """Nested classes by dotted path, each class once."""
        found = {one["path"]: one for one in fields.walk(Outer)}
        names = ["plain", "size", "mode", "colour", "inner", "inner.width", "inner.again"]
        self.assertEqual(list(found), [*names, "hook", "names"])
        self.assertEqual(found["plain"], {"path": "plain", "type": ["bool"], "default": False})
        self.assertTrue(found["size"]["optional"])
        self.assertEqual(found["mode"]["choices"], ["a", "b"])
        self.assertEqual(found["colour"]["default"], "red")
        self.assertEqual(found["colour"]["choices"], ["red", "blue"])
        self.assertNotIn("default", found["inner"])
        self.assertTrue(found["hook"]["opaque"])

    def test_plain_values_only(self):
        """What cannot be written down is unknown, not null."""
        for value in (object(), float("nan"), [object()], {"a": object()}):
            self.assertIs(fields.plain(value), fields.UNKNOWN)
        self.assertEqual(fields.plain({1: (2, {"b", "a"})}), {"1": [2, ["a", "b"]]})


ARGS = '''
class Kind(StrEnum):
    """A choice."""
    ONE = "one"
    TWO = "two"

class KvCacheConfig(StrictBaseModel):
    """What is nested."""
    enable_block_reuse: bool = Field(default=True, description="x")
    free_gpu_memory_fraction: Optional[float] = Field(default=0.9, ge=0.0, le=1.0)
    dtype: str = Field(default="auto", choices=["auto", "fp8"])
    old: Optional[int] = Field(default=None, deprecated="use dtype")
    model_config: ClassVar[dict] = {}

class BaseLlmArgs(StrictBaseModel):
    """The base."""
    tensor_parallel_size: PositiveInt = Field(default=1)
    kind: Kind = Kind.ONE
    kv_cache_config: KvCacheConfig = Field(default_factory=KvCacheConfig)
    _secret: int = 0

class TorchLlmArgs(BaseLlmArgs):
    """What a user sets."""
    attn_backend: str = Field(default="TRTLLM")
    sampler: Union[str, Sampler] = Field(default="auto", status="beta")
    max_tokens: int = 1
'''

SAMPLING = '''
@dataclass
class SamplingParams:
    """Of a request."""
    max_tokens: int = 32
    temperature: Optional[float] = None
'''


class TensorRt(unittest.TestCase):
    """A tree that is laid out as that of TensorRT-LLM."""

    def test_tree(self):
        """Fields of the class, of its bases and of nested classes, without an import."""
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder, "tensorrt_llm")
            (package / "llmapi").mkdir(parents=True)
            (package / "version.py").write_text('__version__ = "1.0.0"\n')
            (package / "llmapi/llm_args.py").write_text(ARGS)
            (package / "sampling_params.py").write_text(SAMPLING)
            surface = of_tensorrt.surface(folder)
        self.assertEqual((surface["engine"], surface["version"]), ("tensorrt_llm", "1.0.0"))
        self.assertIn("TrtLlmArgs", surface["limitations"][-1])
        found = {one.pop("path"): one for one in surface["params"]}
        nested = "kv_cache_config."
        self.assertEqual(
            found[f"{nested}free_gpu_memory_fraction"],
            {
                "type": ["float"],
                "default": 0.9,
                "optional": True,
                "bounds": {"ge": 0.0, "le": 1.0},
                "section": "engine",
            },
        )
        self.assertEqual(found[f"{nested}dtype"]["choices"], ["auto", "fp8"])
        self.assertEqual(found[f"{nested}old"]["deprecated"], "use dtype")
        self.assertEqual(found["tensor_parallel_size"]["bounds"], {"gt": 0})
        self.assertEqual(found["kind"]["choices"], ["one", "two"])
        self.assertNotIn("default", found["kind"])
        self.assertTrue(found["sampler"]["opaque"])
        # A sampling parameter with the name of an engine's stands apart.
        self.assertEqual(found["max_tokens"]["section"], "engine")
        self.assertEqual(found["sampling.max_tokens"]["default"], 32)
        self.assertNotIn("_secret", found)
        self.assertNotIn(f"{nested}model_config", found)


if __name__ == "__main__":
    unittest.main()
