"""The Python side of the host: makes the interpreter that of a virtual environment, and runs
adapters for it.

Everything goes in and out as JSON: `call` takes a request and always answers, whatever an engine
raises. An adapter may use `nest`; all else is for the Rust side.
"""

import copy
import ctypes
import faulthandler
import gc
import importlib
import json
import linecache
import math
import os
import site
import sys
import traceback
import types
import warnings

import errors
import outputs

# A process that has had so many engines, or whose memory has grown by so much since its first one
# was closed, is not given another.
MOST_ENGINES = 500
MOST_LEAKED = 512 << 20

# Engines that are loaded, by number: the adapter's name, the engine, its load settings in force.
engines = {}
# Adapters by name, those whose engine is imported, and the model that each was last asked to load.
adapters = {}
imported = set()
models = {}


class Memory:
    """What engines have left behind in this process."""

    def __init__(self):
        self.is_due = False
        self.is_spoilt = False
        self.closed = 0
        self.first = None
        self.last = None

    def settle(self):
        """Where an engine has gone since the last time: frees what can be freed, and measures."""
        if not self.is_due:
            return
        self.is_due = False
        self.closed += 1
        gc.collect()
        trim()
        self.last = resident()
        if self.first is None:
            self.first = self.last

    def leaked(self):
        """Bytes of resident memory above those after the first engine; 0 while nothing is known."""
        if self.first is None or self.last is None:
            return 0
        return max(0, self.last - self.first)

    def is_fit(self):
        """Whether this process may have another engine."""
        return not self.is_spoilt and self.closed < MOST_ENGINES and self.leaked() <= MOST_LEAKED


memory = Memory()


def resident():
    """Resident memory of this process in bytes; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def trim():
    """Gives the pages that malloc holds free back to the system, where it is that of glibc."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass


def nest(settings):
    """Settings by dotted path as nested dicts: {"a.b": 1} -> {"a": {"b": 1}}.

    A path below one that has a value itself goes into that value where it is a dict; where it is
    none, the two contradict each other.
    """
    nested = {}
    for path in sorted(settings, key=lambda path: path.count(".")):
        *above, last = path.split(".")
        place = nested
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"{path}: `{part}` has a value of its own, and nothing can be set below it")
        place[last] = copy.deepcopy(settings[path])
    return nested


def begin(prefix, base_prefix, executable, folders, library):
    """Makes this interpreter that of the virtual environment `prefix`.

    `folders` are the site-packages of the environment, `library` the standard library that belongs
    to the libpython in this process. What the interpreter found by itself on its way up may belong
    to another installation of the same version.
    """
    prefix, base_prefix, executable, *folders = map(os.fspath, (prefix, base_prefix, executable, *folders))
    # As the interpreter writes them: without `..`.
    given = {os.path.abspath(one) for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one}
    own = [folder for folder in library if os.path.isdir(folder)]
    if own:
        found = [folder for folder in sys.path if folder in given]
    else:
        packages = ("site-packages", "dist-packages")
        found = [folder for folder in sys.path if folder in given or os.path.basename(folder) not in packages]
    sys.path[:] = [folder for folder in found if folder] + own
    sys.prefix = sys.exec_prefix = prefix
    sys.base_prefix = sys.base_exec_prefix = base_prefix
    sys.executable = executable
    site.PREFIXES = [prefix]
    # It keeps the prefixes of before.
    sys.modules.pop("sysconfig", None)
    for folder in folders:
        # Not an append to sys.path alone: packages bring .pth files along.
        site.addsitedir(folder)
    sys.argv = [""]
    if prefix != base_prefix:
        os.environ["VIRTUAL_ENV"] = prefix
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(executable), os.environ.get("PATH", os.defpath)])
    # What was printed before a crash is kept, and a crash tells where in Python it was.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    if sys.stderr is not None:
        faulthandler.enable()
    # Before an engine is imported, so that what a library hides of its own accord stays hidden.
    if not sys.warnoptions:
        warnings.simplefilter("default")


def adopt(name, text):
    """Runs the source of an adapter as a module."""
    if name in adapters:
        return
    module = types.ModuleType(name)
    file = f"<wattest {name}.py>"
    module.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    # Dataclasses look their module up there.
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)
    adapters[name] = module


def flush():
    """Writes out what Python and C hold back of stdout and stderr."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError):
        pass


def forget_warnings():
    """Has every warning be shown anew: Python shows most of them once per place."""
    # Any change of the filters makes what modules remember void. This one changes nothing: it says
    # at the end of the list what is done where no filter fits.
    warnings.simplefilter("default", append=True)
    warnings.onceregistry.clear()


def prepare(adapter):
    """Before each piece of work: what is shown or logged once is shown again."""
    forget_warnings()
    adapter.reset()


class Progress:
    """How far an operation has come: which phase an exception came out of, and what goes beside the
    answer as bytes."""

    def __init__(self, phase):
        self.phase = phase
        self.beside = b""


def opened(progress, name):
    """The adapter `name`, with its engine imported."""
    adapter = adapters[name]
    if name not in imported:
        progress.phase = "open"
        for variable, value in adapter.environment().items():
            os.environ.setdefault(variable, value)
        importlib.import_module(adapter.PACKAGE)
        imported.add(name)
    return adapter


def check(progress, adapter, settings):
    """Refuses what the engine refuses without any work. That may hang on the model: it is the one
    that was last asked for."""
    name, adapter = adapter, opened(progress, adapter)
    prepare(adapter)
    progress.phase = "check"
    adapter.check(settings, models.get(name))


def load(progress, adapter, model, settings):
    """Loads a model: {"engine": number, "architecture": ..., "effective": ...}."""
    models[adapter] = model
    check(progress, adapter, settings)
    progress.phase = "load"
    if not engines:
        # What is imported stays: frozen for good, it need not be looked through for garbage again.
        # An engine would never be garbage then.
        gc.collect()
        gc.freeze()
    # A load that fails leaves memory behind as well.
    memory.is_due = True
    loaded = adapters[adapter].load(model, settings)
    memory.is_due = False
    number = max(engines, default=0) + 1
    engines[number] = (adapter, loaded, {})
    try:
        effective = readable(loaded.effective())
        engines[number] = (adapter, loaded, effective)
        return {"engine": number, "architecture": loaded.architecture, "effective": effective}
    except BaseException:
        close(progress, number)
        raise


def token_text(progress, engine, token):
    """The text of one token."""
    return engines[engine][1].token_text(token)


def generate(progress, engine, prompts, settings):
    """What serde reads as a generation, its tables beside it. The adapter tells the request settings in force; those of
    loading are what they were when the engine was loaded."""
    adapter, loaded, effective = engines[engine]
    check(progress, adapter, settings)
    progress.phase = "generate"
    made, progress.beside = outputs.without_tables(loaded.generate(prompts, settings))
    return {**made, "effective": {**effective, **readable(made["effective"])}}


def close(progress, engine):
    """Frees an engine."""
    memory.is_due = True
    _, loaded, _ = engines.pop(engine)
    try:
        loaded.close()
    except BaseException:
        # Nobody waits for an answer: what is wrong goes where the engine writes.
        traceback.print_exc()
        memory.is_spoilt = True


def keeps_process(progress):
    """Whether this process is fit for another engine."""
    return memory.is_fit()


def readable(settings):
    """`settings` without what JSON cannot hold: that cannot be read back."""
    return {path: value for path, value in settings.items() if is_plain(value)}


def is_plain(value):
    """Whether JSON holds `value` as it is."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, str))


def failure(error, phase, settings):
    """The answer for an exception."""
    if phase == "open" and isinstance(error, ModuleNotFoundError) and error.name in package_names():
        return {"kind": "unavailable", "reason": f"{sys.executable} has no package `{error.name}`"}
    try:
        return errors.told(error, phase, settings)
    finally:
        # What the frames hold, engines among it, shall not outlive the case.
        traceback.clear_frames(error.__traceback__)


def package_names():
    """The packages of the adapters."""
    return {adapter.PACKAGE for adapter in adapters.values()}


OPERATIONS = {one.__name__: one for one in (check, load, token_text, generate, close, keeps_process)}


def call(request):
    """Answers a request {"do": name, "with": arguments}, as JSON text both: {"ok": value} or
    {"error": kind and details}; and bytes that belong to the value. Nothing that an engine raises
    comes out of it, SystemExit and KeyboardInterrupt included."""
    asked = json.loads(request)
    name, arguments = asked["do"], asked["with"]
    progress = Progress(name)
    flush()
    try:
        answer = json.dumps({"ok": OPERATIONS[name](progress, **arguments)}, allow_nan=False)
    except BaseException as error:
        answer = json.dumps({"error": failure(error, progress.phase, arguments.get("settings", {}))})
    memory.settle()
    flush()
    return answer, progress.beside
