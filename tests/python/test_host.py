"""The Python side of the host, over an adapter that does what its settings say."""

import contextlib
import io
import json
import sys
import unittest
import unittest.mock
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src/backends/python/engine"))

import host

STAND_IN = (ROOT / "tests/python/of_stand_in.py").read_text(encoding="utf-8")


def call(name, **arguments):
    """What the host answers."""
    return json.loads(host.call(json.dumps({"do": name, "with": arguments}))[0])


def load(**settings):
    """The number of a loaded stand-in."""
    return call("load", adapter="of_stand_in", model="/model", settings=settings)["ok"]["engine"]


def generate(engine, **settings):
    return call("generate", engine=engine, prompts=[{"tokens": [1]}], settings=settings)


class Nest(unittest.TestCase):
    def test_paths_become_maps(self):
        self.assertEqual(host.nest({"a.b": 1, "a.c.d": 2, "e": 3}), {"a": {"b": 1, "c": {"d": 2}}, "e": 3})

    def test_a_path_goes_into_the_map_above_it_which_is_not_changed(self):
        given = {"x": 1, "y": {"z": 1}}
        self.assertEqual(host.nest({"a": given, "a.x": 2, "a.y.w": 3}), {"a": {"x": 2, "y": {"z": 1, "w": 3}}})
        self.assertEqual(given, {"x": 1, "y": {"z": 1}})

    def test_a_path_below_a_value_is_a_contradiction(self):
        with self.assertRaisesRegex(ValueError, "^a.b: `a` has a value"):
            host.nest({"a": 1, "a.b": 2})


class Calls(unittest.TestCase):
    def setUp(self):
        host.adopt("of_stand_in", STAND_IN)
        host.memory = host.Memory()

    def test_whatever_is_raised_is_an_answer(self):
        engine = load()
        for name in ("SystemExit", "KeyboardInterrupt", "Stop", "ValueError"):
            self.assertEqual(generate(engine, **{"raise": name})["error"]["kind"], "failed")
        self.assertIn("ok", generate(engine))

    def test_what_json_does_not_hold_is_a_failure_or_left_out(self):
        engine = load(dtype="float32")
        self.assertEqual(generate(engine, prefill_s="x")["ok"]["timings"]["prefill_s"], "x")
        module = sys.modules["of_stand_in"]
        made = {"prompts": [], "effective": {"a": object(), "b": 1}, "timings": {"prefill_s": float("nan")}}
        module.Engine.generate, kept = (lambda self, prompts, settings: made), module.Engine.generate
        try:
            self.assertEqual(generate(engine)["error"]["kind"], "failed")
        finally:
            module.Engine.generate = kept
        self.assertEqual(host.readable(made["effective"]), {"b": 1})

    def test_warnings_are_shown_anew_in_each_call(self):
        engine = load()
        for _ in range(2):
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()) as written:
                warnings.simplefilter("default")
                generate(engine, warn="getting old")
            self.assertEqual(written.getvalue().count("DeprecationWarning: getting old"), 1)

    def test_what_is_held_back_is_written_when_the_call_ends(self):
        class Slow(io.StringIO):
            flushed = ""

            def flush(self):
                self.flushed = self.getvalue()

        engine = load()
        with contextlib.redirect_stdout(Slow()) as slow:
            generate(engine, **{"print": "held back", "raise": "ValueError"})
        self.assertEqual(slow.flushed, "held back")

    def test_the_objects_of_a_failure_are_not_kept(self):
        import gc
        import weakref

        class Load:
            pass

        module = sys.modules["of_stand_in"]
        module.kept.clear()
        seen = []

        def work(self, prompts, settings):
            load = Load()
            seen.append(weakref.ref(load))
            raise ValueError("no")

        engine = load()
        module.Engine.generate, kept = work, module.Engine.generate
        try:
            generate(engine)
        finally:
            module.Engine.generate = kept
        gc.collect()
        self.assertIsNone(seen[0]())


class Fitness(unittest.TestCase):
    def setUp(self):
        host.adopt("of_stand_in", STAND_IN)
        host.memory = host.Memory()
        few = unittest.mock.patch.object(host, "MOST_ENGINES", 5)
        few.start()
        self.addCleanup(few.stop)

    def tearDown(self):
        sys.modules["of_stand_in"].kept.clear()

    def is_fit(self):
        return call("keeps_process")["ok"]

    def test_so_many_engines_are_enough(self):
        for number in range(host.MOST_ENGINES):
            self.assertTrue(self.is_fit(), number)
            call("close", engine=load())
        self.assertFalse(self.is_fit())

    def test_a_load_that_fails_counts(self):
        for _ in range(host.MOST_ENGINES):
            call("load", adapter="of_stand_in", model="/", settings={"at": "load", "raise": "ValueError"})
        self.assertFalse(self.is_fit())

    def test_a_refusal_does_not_count(self):
        for _ in range(host.MOST_ENGINES):
            call("load", adapter="of_stand_in", model="/", settings={"at": "check", "raise": "ValueError"})
        self.assertTrue(self.is_fit())

    def test_what_is_left_behind_tells(self):
        call("close", engine=load())
        engine = load()
        generate(engine, leak=host.MOST_LEAKED + (64 << 20))
        self.assertTrue(self.is_fit())
        call("close", engine=engine)
        self.assertGreater(host.memory.leaked(), host.MOST_LEAKED)
        self.assertFalse(self.is_fit())

    def test_what_cannot_be_closed_tells(self):
        call("close", engine=load())
        with contextlib.redirect_stderr(io.StringIO()) as written:
            answer = call("close", engine=load(at="close", **{"raise": "RuntimeError"}))
        self.assertEqual(answer, {"ok": None})
        self.assertIn("RuntimeError: asked for", written.getvalue())
        self.assertFalse(self.is_fit())


if __name__ == "__main__":
    unittest.main()
