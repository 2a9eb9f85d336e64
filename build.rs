//! Where the tests and benches of this package find libtorch and libpython (beside the libraries
//! that were linked), what the pytorch backend calls of libtorch in C++, and what is known of the
//! interpreter, the libtorch and the crates that were linked.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    crates();
    #[cfg(feature = "python")]
    python();
    // torch-sys tells; without the feature `torch` there is no such variable.
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    // `scripts/libtorch` writes this file whenever it puts another libtorch there.
    if let Some(version) = Path::new(&folder).parent().map(|above| above.join("build-version"))
        && version.exists()
    {
        println!("cargo::rerun-if-changed={}", version.display());
        let named = std::fs::read_to_string(&version).unwrap_or_default();
        println!("cargo::rustc-env=WATTEST_LIBTORCH={}", named.trim());
    }
    #[cfg(feature = "torch")]
    native(Path::new(&folder));
}

/// Tells the library the versions of the crates that compute or measure, for the record. A package
/// that is built without a lock file beside it does without.
fn crates() {
    const NAMES: [&str; 9] = [
        "candle-core",
        "candle-nn",
        "cudarc",
        "nvml-wrapper",
        "pyo3",
        "safetensors",
        "tch",
        "tokenizers",
        "torch-sys",
    ];
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let Ok(text) = std::fs::read_to_string(&lock) else { return };
    println!("cargo::rerun-if-changed={}", lock.display());
    let quoted = |line: Option<&str>, key: &str| -> Option<String> {
        let value = line?.strip_prefix(key)?.strip_prefix(" = ")?;
        Some(value.trim_matches('"').to_owned())
    };
    let versions = text.split("[[package]]\n").filter_map(|package| {
        let mut lines = package.lines();
        let (name, version) = (quoted(lines.next(), "name")?, quoted(lines.next(), "version")?);
        NAMES.contains(&name.as_str()).then(|| format!("{name}={version}"))
    });
    println!("cargo::rustc-env=WATTEST_CRATES={}", versions.collect::<Vec<_>>().join(" "));
}

/// Has the loader take the libpython that was linked, and tells the library which one that is:
/// its own standard library is the one whose extension modules fit it.
#[cfg(feature = "python")]
fn python() {
    const ASK: &str = "import sysconfig; \
        print(sysconfig.get_path('stdlib'), sysconfig.get_config_var('DESTSHARED'), sep='\\n')";
    pyo3_build_config::add_libpython_rpath_link_args();
    let config = pyo3_build_config::get();
    let version = config.target_abi().version();
    println!("cargo::rustc-env=WATTEST_PYTHON_VERSION={}.{}", version.major, version.minor);
    let linked = config.executable().unwrap_or_default();
    println!("cargo::rustc-env=WATTEST_PYTHON_LINKED={linked}");
    // Where it cannot be asked (built from a configuration file), libpython goes by its own idea.
    let answer = config.run_python_script(ASK).unwrap_or_default();
    let mut folders = answer.lines();
    for name in ["LIBRARY", "EXTENSIONS"] {
        println!("cargo::rustc-env=WATTEST_PYTHON_{name}={}", folders.next().unwrap_or_default());
    }
}

/// Compiles native.cpp as torch-sys compiles its own, against the headers beside the libraries in
/// `folder`.
#[cfg(feature = "torch")]
fn native(folder: &Path) {
    const SOURCE: &str = "src/backends/pytorch/native.cpp";
    let variable = |name: &str| {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var(name).ok()
    };
    let include = match (variable("LIBTORCH_INCLUDE"), folder.parent()) {
        (Some(place), _) => Path::new(&place).join("include"),
        (None, Some(above)) => above.join("include"),
        (None, None) => folder.join("include"),
    };
    let abi = variable("LIBTORCH_CXX11_ABI").unwrap_or_else(|| "1".to_owned());
    println!("cargo::rerun-if-changed={SOURCE}");
    cc::Build::new()
        .cpp(true)
        .pic(true)
        .std("c++17")
        .flag("-fopenmp")
        // Their warnings are not ours.
        .flag(format!("-isystem{}", include.display()))
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .define("GLOG_USE_GLOG_EXPORT", None)
        .file(SOURCE)
        .compile("wattest_torch");
}
