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

class Number(Enum):
    """Chosen by name."""
    FIRST = 0
    SECOND = 1

class Draft(StrictBaseModel):
    """One way to draft."""
    length: Optional[int] = None

    @classmethod
    def from_dict(cls, data):
        """By name."""
        return {"Small": SmallDraft, "Large": LargeDraft}[data.pop("decoding_type")](**data)

class SmallDraft(Draft):
    """The one."""
    width: int = 2 * 8

class LargeDraft(Draft):
    """The other."""
    depth: int = field(default=1024**3)

Drafting: TypeAlias = Optional[Union[SmallDraft, LargeDraft]]

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
    number: Union[str, Number] = Field(default=Number.SECOND)
    drafting: Drafting = Field(default=None)
    kv_cache_config: KvCacheConfig = Field(default_factory=KvCacheConfig)
    build_config: Optional[object] = Field(
        default=None, json_schema_extra={"type": f"Optional[{get_type_repr(BuildConfig)}]"})
    enable_build_cache: object = Field(
        default=False, json_schema_extra={"type": f"Union[{get_type_repr(BuildCacheConfig)}, bool]"})
    _secret: int = 0

class TorchLlmArgs(BaseLlmArgs):
    """What a user sets."""
    attn_backend: str = Field(default="TRTLLM")
    sampler: Union[str, Sampler] = Field(default="auto", status="beta")
    max_tokens: int = 1

class TrtLlmArgs(BaseLlmArgs):
    """What a user of the other engine sets."""
    fast_build: bool = Field(default=False)
'''

BUILDER = '''
@dataclass
class BuildConfig:
    """What is built."""
    gather: int = False
    cache_type: bindings.Kind = None
    plugin_config: PluginConfig = field(default_factory=PluginConfig)
'''

PLUGIN = '''
DEFAULT_PLUGIN_DTYPE_OPTIONS = ["auto", "float16", None]
PLUGIN_DTYPE_OPTIONS_MAP = {"gemm": ["fp8", None]}

@dataclass(slots=True)
class PluginConfig(metaclass=PluginConfigMeta):
    """Fields that go by another name."""
    _gemm: Optional[str] = field(default=None, init=False)
    _moe: Optional[str] = field(default="auto", init=False)
    _fused: bool = field(default=True, init=False)
    _internal: bool = False
'''

CACHE = '''
class BuildCacheConfig:
    """A class with a constructor alone."""
    def __init__(self, root: Optional[Path] = None, *, records: int = 10):
        self.root = root
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

    FILES = {
        "version.py": '__version__ = "1.0.0"',
        "llmapi/llm_args.py": ARGS,
        "llmapi/build_cache.py": CACHE,
        "builder.py": BUILDER,
        "plugin/plugin.py": PLUGIN,
        "sampling_params.py": SAMPLING,
    }

    def surface(self, without=(), provenance=None):
        """The surface of the tree, `without` some of its files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in self.FILES.items():
                if name in without:
                    continue
                path = Path(folder, "tensorrt_llm", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            if provenance:
                Path(folder, "wattest-source.txt").write_text(provenance)
            return of_tensorrt.surface(folder)

    def found(self, **options):
        """Its entries by path."""
        return {one.pop("path"): one for one in self.surface(**options)["params"]}

    def test_tree(self):
        """Fields of the class, of its bases and of nested classes, without an import."""
        found = self.found()
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
        self.assertTrue(found["sampler"]["opaque"])
        # A sampling parameter with the name of an engine's stands apart.
        self.assertEqual(found["max_tokens"]["section"], "engine")
        self.assertEqual(found["sampling.max_tokens"]["default"], 32)
        self.assertNotIn("_secret", found)
        self.assertNotIn(f"{nested}model_config", found)

    def test_enumerations(self):
        """Text by its value, numbers by their names, defaults as choices."""
        found = self.found()
        self.assertEqual(found["kind"]["choices"], ["one", "two"])
        self.assertEqual(found["kind"]["default"], "one")
        self.assertEqual(found["number"]["choices"], ["FIRST", "SECOND"])
        self.assertEqual(found["number"]["default"], "SECOND")

    def test_one_of_several_classes(self):
        """All their fields, and the key that says which one is meant."""
        found = self.found()
        self.assertTrue(found["drafting"]["optional"])
        self.assertEqual(found["drafting.decoding_type"]["choices"], ["Small", "Large"])
        self.assertEqual(found["drafting.width"]["default"], 16)
        self.assertEqual(found["drafting.depth"]["default"], 1 << 30)
        self.assertIn("drafting.length", found)

    def test_documented_types_and_other_files(self):
        """An object is what its documentation says: classes of other files, constructors."""
        found = self.found()
        self.assertEqual(found["build_config"]["type"], ["map"])
        self.assertEqual(found["build_config.gather"]["type"], ["int", "bool"])
        self.assertEqual(found["build_config.gather"]["section"], "build")
        # A class of compiled code, though a class of this name stands in the source.
        self.assertNotIn("choices", found["build_config.cache_type"])
        self.assertTrue(found["build_config.cache_type"]["opaque"])
        self.assertEqual(found["enable_build_cache"]["type"], ["map", "bool"])
        self.assertEqual(found["enable_build_cache.records"]["default"], 10)
        self.assertTrue(found["enable_build_cache.root"]["optional"])

    def test_plugins(self):
        """Without the underscore of their storage, with the values of their lists."""
        found = self.found()
        plugin = "build_config.plugin_config."
        self.assertEqual(found[f"{plugin}gemm"]["choices"], ["fp8"])
        self.assertEqual(found[f"{plugin}moe"]["choices"], ["auto", "float16"])
        self.assertTrue(found[f"{plugin}moe"]["optional"])
        self.assertEqual(found[f"{plugin}fused"]["type"], ["bool"])
        self.assertNotIn(f"{plugin}internal", found)

    def test_owners_and_provenance(self):
        """What one engine alone takes, what is not in the tree, how the tree was come by."""
        surface = self.surface(without=["llmapi/build_cache.py"], provenance="by hand\n\nparts only\n")
        self.assertEqual((surface["engine"], surface["version"]), ("tensorrt_llm", "1.0.0"))
        self.assertEqual(surface["method"], "by hand")
        self.assertEqual(surface["limitations"][0], "parts only")
        self.assertIn("tensorrt_llm/llmapi/build_cache.py", surface["limitations"][-1])
        self.assertIn("source", self.surface()["method"])
        found = self.found()
        self.assertEqual(found["fast_build"]["description"], "Of TrtLlmArgs alone.")
        self.assertEqual(found["attn_backend"]["description"], "Of TorchLlmArgs alone.")
        self.assertNotIn("description", found["kind"])


if __name__ == "__main__":
    unittest.main()
