"""What exceptions of an engine are told as."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src/backends/python/engine"))

import errors


class ValidationError(ValueError):
    """As pydantic has it."""

    def __init__(self, *details):
        super().__init__(f"{len(details)} validation errors")
        self.details = details

    def errors(self):
        return list(self.details)


class SafetensorError(Exception):
    """As safetensors has it."""


def raised(error):
    """`error` with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


class Blame(unittest.TestCase):
    def blamed(self, text, **settings):
        return errors.blamed(ValueError(text), {name.replace("__", "."): one for name, one in settings.items()})

    def test_a_name_must_stand_as_a_word_of_its_own(self):
        self.assertEqual(self.blamed("`top_k` must be at least 1", top_k=0), "top_k")
        self.assertEqual(self.blamed("pass --top-k 1", top_k=0), "top_k")
        self.assertEqual(self.blamed("stop_k and top_ks are bad", top_k=0), "")
        self.assertEqual(self.blamed("nothing said", top_k=0), "")
        self.assertEqual(self.blamed("on $.n", n=0, seed=1), "n")

    def test_the_last_part_of_a_path_is_enough(self):
        self.assertEqual(self.blamed("mode must be 0 to 3", compilation_config__mode=9), "compilation_config.mode")

    def test_of_several_the_one_whose_value_is_named_then_the_first(self):
        text = "max_num_seqs (8) is more than max_num_batched_tokens (4)"
        self.assertEqual(self.blamed(text, max_num_batched_tokens=4, max_num_seqs=3), "max_num_batched_tokens")
        self.assertEqual(self.blamed(text, max_num_batched_tokens=4, max_num_seqs=8), "max_num_seqs")
        self.assertEqual(self.blamed(text, max_num_batched_tokens=1, max_num_seqs=2), "max_num_seqs")
        self.assertEqual(self.blamed("seed wants 12", seed=1, n=2), "seed")

    def test_a_longer_path_goes_before_a_shorter_one_at_the_same_place(self):
        settings = {"mode": 9, "compilation_config.mode": 9}
        self.assertEqual(errors.blamed(ValueError("mode 9"), settings), "compilation_config.mode")

    def test_the_place_of_a_validation_goes_before_words(self):
        error = ValidationError({"loc": ("mode", "int"), "msg": "not seed"})
        self.assertEqual(errors.blamed(error, {"seed": 1, "c.mode": 2}), "c.mode")
        error = ValidationError({"loc": ("a", 0, "b"), "msg": "wrong"})
        self.assertEqual(errors.blamed(error, {"b": 1, "a.b": 2}), "a.b")

    def test_an_error_that_has_the_name_is_believed(self):
        error = ValueError("seed is wrong")
        error.parameter = "top_p"
        self.assertEqual(errors.blamed(error, {"seed": 1, "top_p": 2}), "top_p")
        self.assertEqual(errors.blamed(error, {"seed": 1}), "seed")


class Told(unittest.TestCase):
    def test_a_check_refuses_whatever_it_raises_but_an_exit(self):
        told = errors.told(raised(TypeError("top_k\n  wrong")), "check", {"top_k": [1]})
        self.assertEqual(told, {"kind": "refused", "parameter": "top_k", "value": [1], "rule": "TypeError: top_k wrong"})
        for exit in (SystemExit(1), KeyboardInterrupt()):
            self.assertEqual(errors.told(raised(exit), "check", {})["kind"], "failed")

    def test_a_validation_tells_every_fault_with_its_place(self):
        error = ValidationError({"loc": ("a", "b"), "msg": "too small"}, {"loc": (), "msg": "too much"})
        self.assertEqual(errors.rule(error), "a.b: too small; too much")

    def test_work_that_fails_has_a_traceback_with_its_causes(self):
        def inner():
            raise KeyError("x")

        def outer():
            try:
                inner()
            except KeyError as error:
                raise RuntimeError("") from error

        try:
            outer()
        except RuntimeError as error:
            told = errors.told(error, "generate", {})
        self.assertEqual((told["kind"], told["message"]), ("failed", "RuntimeError"))
        self.assertIn("KeyError: 'x'", told["frames"])
        self.assertTrue(any("in inner" in line for line in told["frames"]))
        self.assertEqual(told["frames"][-1].strip(), 'raise RuntimeError("") from error')

    def test_no_line_of_the_message_is_among_the_frames(self):
        lines = errors.frames(raised(ValueError("one\n\ntwo")))
        self.assertEqual(lines[-1].strip(), "raise error")

    def test_endless_tracebacks_are_cut(self):
        def deeper(n):
            # Two lines that differ, so that the traceback is not folded.
            if n % 2:
                return deeper(n - 1)
            return deeper(n - 1) if n else 1 / 0

        try:
            deeper(300)
        except ZeroDivisionError as error:
            lines = errors.frames(error)
        self.assertEqual(len(lines), errors.HEAD + 1 + errors.TAIL)
        self.assertRegex(lines[errors.HEAD], r"^\.\.\. \d+ lines left out \.\.\.$")

    def test_files_of_the_model_are_told_apart_while_loading_only(self):
        for error in (FileNotFoundError("config.json"), SafetensorError("header")):
            self.assertEqual(errors.told(raised(error), "load", {})["kind"], "model")
            self.assertEqual(errors.told(raised(error), "generate", {})["kind"], "failed")


class Shortage(unittest.TestCase):
    def test_sizes_are_read_and_what_is_not_told_is_none(self):
        told = errors.told(raised(MemoryError()), "check", {})
        self.assertEqual((told["kind"], told["device"], told["asked_bytes"]), ("oom", "cpu", None))
        text = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12"
        told = errors.told(raised(RuntimeError(text)), "load", {})
        self.assertEqual((told["kind"], told["asked_bytes"]), ("oom", 4096))
        self.assertEqual(errors.size("Tried to allocate 1.50 KiB", "Tried to allocate "), 1536)

    def test_a_mention_of_memory_is_no_shortage(self):
        self.assertEqual(errors.told(raised(RuntimeError("memory format")), "load", {})["kind"], "failed")


if __name__ == "__main__":
    unittest.main()
