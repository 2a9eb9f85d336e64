//! Records that are known by their shape, with the literals of their first lines.

use super::Structure;

/// Records that are known by their shape.
pub(in crate::scan) const STRUCTURES: &[Structure] = &[
    Structure {
        id: "python-traceback",
        needs: &[
            "traceback (most recent",
            "  file \"",
            "exception ignored",
            "exception in thread",
            "exception in callback",
            "never retrieved",
            "- logging error -",
            "remotetraceback:",
            "process ",
        ],
        examples: &[
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'x'",
            "Exception ignored in: <function f at 0x7f>\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'",
            "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in <module>\n  | ExceptionGroup: two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: one\n    +------------------------------------",
        ],
        counter_examples: &[
            "A traceback (most recent call last) is what Python prints",
            "Process group: 3",
        ],
    },
    Structure {
        id: "python-exception",
        needs: &["error: ", "exception: ", "exception(", "error(", "interrupt"],
        examples: &["torch.OutOfMemoryError: CUDA out of memory.", "(W pid=3) ValueError: bad"],
        counter_examples: &["test_raises_ValueError PASSED", "print('ValueError: x')"],
    },
    Structure {
        id: "python-warning",
        needs: &["warning:"],
        examples: &["/a/b.py:3: UserWarning: odd\n  f(x)", "DeprecationWarning: old"],
        counter_examples: &["filterwarnings = error::DeprecationWarning"],
    },
    Structure {
        id: "python-fatal",
        needs: &["timeout (", "fatal python error"],
        examples: &[
            "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f (most recent call first):\n  File \"a.py\", line 3 in f",
            "Timeout (0:00:01)!\nThread 0x00007f (most recent call first):\n  File \"a.py\", line 3 in f",
        ],
        counter_examples: &["timeout (s): 30"],
    },
    Structure {
        id: "pytest-failure",
        needs: &["____ "],
        examples: &[
            "____ test_f ____\n    def test_f(): assert 0\nE   AssertionError: no\na.py:3: AssertionError",
        ],
        counter_examples: &["____ test_f ____"],
    },
    Structure {
        id: "rust-panic",
        needs: &["panicked at"],
        examples: &[
            "thread 'main' panicked at src/main.rs:3:5:\nno luck\nnote: run with `RUST_BACKTRACE=1`",
            "thread 'main' panicked at 'no luck', src/main.rs:3:5",
        ],
        counter_examples: &["the crowd panicked at noon"],
    },
    Structure {
        id: "compiler-diagnostic",
        needs: &["warning: ", "error: ", "error[", "warning["],
        examples: &[
            "warning: unused variable: `x`\n --> src/main.rs:1:2\n  |\n1 | let x = 1;\n  |     ^",
        ],
        counter_examples: &["gcc -Werror -c error.c"],
    },
    Structure {
        id: "transformers-line",
        needs: &["[transformers] "],
        examples: &["[transformers] Using mask_token, but it is not set yet."],
        counter_examples: &[
            "[transformers] loading configuration file /m/config.json",
            "[transformers] Configuration saved in /m/config.json",
            "[transformers]   Num examples = 8",
        ],
    },
    Structure {
        id: "advice",
        needs: &[
            "you ",
            "you'",
            "please ",
            "recommend",
            "suggest",
            "advise",
            "encouraged",
            "consider ",
            " may ",
            " might ",
            " could ",
            " will ",
            " would ",
            "unexpected ",
            "no effect",
            "suboptimal",
            "sub-optimal",
            " ignored",
            " overwritten",
            " overridden",
            " not ",
            "n't ",
            "experimental",
            "outdated",
            "longer than",
            "ignoring",
            "skipping",
            "overriding",
            "overwriting",
            "defaulting",
            "forcing",
        ],
        examples: &[
            "Explicitly passing a `revision` is encouraged when loading a model with custom code.",
            "You are loading your model in 8bit but no linear modules were found in your tokenizer.",
            "Using default MoE kernel config. Performance might be sub-optimal!",
        ],
        counter_examples: &[
            "You should not have come here tonight, he said.",
            "INFO You should see the `cache` now, please set it.",
        ],
    },
    Structure {
        id: "log-level",
        needs: &[
            "warn", "error", "debug", "critical", "fatal", "[w", "[e", "[f", " w ", " e ", " f ",
        ],
        examples: &[
            "WARNING 11-21 07:25:00 [x.py:12] slow path",
            "(EngineCore_DP0 pid=1) ERROR 11-21 07:25:00 [core.py:12] died",
            "[W1121 07:25:00.123456789 socket.cpp:3] cannot connect",
            "[11/19/2024-20:41:02] [TRT-LLM] [W] slow path",
            "[TRT] [E] 4: bad engine",
            "time=2025-06-19T08:22:07.198Z level=WARN source=server.go:219 msg=\"kv cache type not supported\"",
            "{\"level\": \"warning\", \"msg\": \"queue is full\"}",
            "2026-11-21 08:18:54.822 | WARNING  | __main__:<module>:3 - cache miss",
            "[2023-06-08 04:11:52,952] [WARNING] [runner.py:186:fetch] no hostfile",
            "node0:77:77 [0] NCCL WARN comm is NULL",
            "[WARNING|logging.py:340] 2026-11-21 08:11:19,456 >> odd flags",
        ],
        counter_examples: &[
            "INFO 11-21 07:25:00 [x.py:12] 0 errors",
            "DEBUG 11-21 07:25:00 [x.py:12] Error: nothing found",
            "WARNING   0",
            "ERROR: none",
            "node0:77:77 [0] NCCL INFO no error",
            "{\"level\": \"info\", \"msg\": \"error handler ready\"}",
        ],
    },
];
