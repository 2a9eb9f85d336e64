"""The parts of the adapter of vLLM that need no vLLM: nesting, reading back, rows, once-caches."""

import dataclasses
import enum
import functools
import os
import pathlib
import sys
import types
import unittest
from unittest import mock

ENGINES = pathlib.Path(__file__).parents[2] / "src/backends/python/engine"
sys.path.insert(0, str(ENGINES))

import of_vllm


class Mode(enum.IntEnum):
    NONE = 0
    ALL = 3


class Graphs(enum.Enum):
    FULL = 2
    BOTH = (2, 1)


class Attention(enum.Enum):
    CPU = "vllm.attention.CpuBackend"
    TORCH = ""


class Shapes(enum.Enum):
    BACKED = "backed"


@dataclasses.dataclass
class Passes:
    fuse: bool = True
    found: list = dataclasses.field(default_factory=list, init=False)


@dataclasses.dataclass
class Compilation:
    mode: Mode = Mode.NONE
    graphs: Graphs = Graphs.BOTH
    passes: Passes = dataclasses.field(default_factory=Passes)


@dataclasses.dataclass
class Model:
    model: str = "tiny"
    seed: int = 7
    max_len: int = 16
    given: dataclasses.InitVar[int] = 0


@dataclasses.dataclass
class Scheduler:
    policy: str = "fcfs"
    max_len: int = 99


@dataclasses.dataclass
class Config:
    model_config: Model = dataclasses.field(default_factory=Model)
    scheduler_config: Scheduler = dataclasses.field(default_factory=Scheduler)
    compilation_config: Compilation = dataclasses.field(default_factory=Compilation)
    lora_config: object = None
    level: int = 2


class Settings(unittest.TestCase):
    def test_entries_of_extra_are_arguments(self):
        self.assertEqual(of_vllm.spread({"a": 1, "extra": {"b": 2}}), {"a": 1, "b": 2})
        with self.assertRaisesRegex(TypeError, "multiple values .* 'a'"):
            of_vllm.spread({"a": 1, "extra": {"a": 1}})
        with self.assertRaisesRegex(TypeError, "mapping .extra., not str"):
            of_vllm.spread({"extra": "b"})

    def test_the_two_seeds_are_told_apart(self):
        self.assertEqual(of_vllm.constructor({"engine.seed": 3, "dtype": "auto"}), {"seed": 3, "dtype": "auto"})

    def test_keys_of_a_bias_are_tokens_where_they_can_be(self):
        self.assertEqual([of_vllm.token_id(key) for key in ("5", "-1", "x")], [5, -1, "x"])

    def test_prompts(self):
        self.assertEqual(of_vllm.to_prompt({"text": "a"}), {"prompt": "a"})
        self.assertEqual(of_vllm.to_prompt({"tokens": (1, 2)}), {"prompt_token_ids": [1, 2]})


class Reading(unittest.TestCase):
    def test_a_name_is_found_wherever_it_went(self):
        config = Config()
        found = {
            path: of_vllm.find(config, path)
            for path in ("level", "engine.seed", "scheduling_policy", "compilation_config.passes.fuse", "max_len")
        }
        self.assertEqual(
            found,
            {
                "level": 2,
                "engine.seed": 7,
                "scheduling_policy": "fcfs",
                "compilation_config.passes.fuse": True,
                # That of the model, which comes first.
                "max_len": 16,
            },
        )
        self.assertFalse(of_vllm.find(config, "enable_lora"))

    def test_what_stands_nowhere_is_left_out(self):
        for path in ("nonesuch", "compilation_config.nonesuch", "max_loras", "spec_tokens", "given"):
            with self.subTest(path), self.assertRaises(LookupError):
                of_vllm.find(Config(), path)

    def test_a_configuration_is_read_field_by_field(self):
        self.assertEqual(
            of_vllm.flat(Compilation(), "c"),
            {"c.mode": 0, "c.graphs": "BOTH", "c.passes.fuse": True},
        )
        self.assertEqual(of_vllm.flat({"a": object()}, "x"), {}, "JSON has no such value")

    def test_values_as_json_has_them(self):
        as_json = {
            Mode.ALL: 3,
            Graphs.FULL: "FULL",
            Attention.CPU: "CPU",
            Attention.TORCH: "TORCH",
            Shapes.BACKED: "backed",
            frozenset({"b", "a"}): ["a", "b"],
            (1, None): [1, None],
            pathlib.Path("/x"): "/x",
            1.5: 1.5,
        }
        for value, wanted in as_json.items():
            self.assertEqual(of_vllm.plain(value, "x"), wanted)
        self.assertIs(of_vllm.plain(True, "x"), True)
        self.assertEqual(of_vllm.plain({5: -1.0}, "x"), {"5": -1.0})
        with self.assertRaisesRegex(TypeError, "x is a function"):
            of_vllm.plain(lambda: None, "x")


class Between(unittest.TestCase):
    def test_what_was_logged_once_is_logged_again(self):
        logged = []
        once = functools.cache(logged.append)
        logger = types.SimpleNamespace(_print_warning_once=once)
        with mock.patch.dict(sys.modules, {"vllm.logger": logger}), mock.patch.dict(os.environ):
            os.environ["VLLM_DIST_IDENT"] = "1"
            once("a")
            once("a")
            of_vllm.reset()
            once("a")
            self.assertNotIn("VLLM_DIST_IDENT", os.environ)
        self.assertEqual(logged, ["a", "a"])

    def test_the_environment_is_that_of_one_process_without_network(self):
        wanted = of_vllm.environment()
        self.assertEqual(wanted["VLLM_ENABLE_V1_MULTIPROCESSING"], "0")
        self.assertEqual(wanted["HF_HUB_OFFLINE"], "1")
        self.assertTrue(all(isinstance(value, str) for value in wanted.values()))


if __name__ == "__main__":
    unittest.main()
