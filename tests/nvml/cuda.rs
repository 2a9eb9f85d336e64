//! Row 23: a libcuda that is none, as the stubs of toolkits are.

use std::process::Command;

use wattest::energy::cuda::{self, CudaError};

use crate::machine::built;

/// Set for the process that has the stub.
const STUB: &str = "WATTEST_TEST_STUB";

#[test]
fn row_23_a_libcuda_without_its_functions_is_no_cuda_and_no_panic() {
    if std::env::var_os(STUB).is_some() {
        assert_eq!(cuda::present(), Err(CudaError::Incomplete("cuInit")));
        assert_eq!(cuda::devices(), Err(CudaError::Incomplete("cuInit")));
        assert_eq!((cuda::started(), cuda::synchronize()), (None, Ok(0)));
        return;
    }
    // The loader looks for libraries where it was told when the process began.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(built(), folder.path().join("libcuda.so")).unwrap();
    let name = "cuda::row_23_a_libcuda_without_its_functions_is_no_cuda_and_no_panic";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(STUB, "1")
        .env("LD_LIBRARY_PATH", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
