//! `wattest params docs`: the reference pages, written or held against those that are there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use wattest::manual::{MARK, Page, pages};
use wattest::schema::load_all;
use wattest_harness::{Exit, console};

use crate::output::{Answer, Stop};

#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Folder of the pages.
    #[arg(long, default_value = "docs/params", value_name = "DIR")]
    out: PathBuf,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Write nothing, and fail where a page is not what would be written.
    #[arg(long)]
    check: bool,
}

pub(crate) fn answer(command: &Docs) -> Answer {
    let tables = load_all(&command.params)
        .map_err(|faults| Stop::Faults(faults.iter().map(ToString::to_string).collect()))?;
    let pages = pages(&tables);
    let left_over = left_over(&command.out, &pages)?;
    if command.check {
        return check(&command.out, &pages, &left_over);
    }
    let failed = |file: &Path, error| Stop::fault(format!("{}: {error}", file.display()));
    std::fs::create_dir_all(&command.out).map_err(|error| failed(&command.out, error))?;
    for page in &pages {
        let file = command.out.join(&page.file);
        std::fs::write(&file, &page.text).map_err(|error| failed(&file, error))?;
    }
    for file in &left_over {
        std::fs::remove_file(file).map_err(|error| failed(file, error))?;
    }
    writeln!(std::io::stdout(), "{} pages in {}", pages.len(), command.out.display())?;
    Ok(Exit::Ok)
}

/// Fails where a page differs from its file, and says which do.
fn check(folder: &Path, pages: &[Page], left_over: &[PathBuf]) -> Answer {
    let remedy = "run `wattest params docs` and commit what it writes";
    let mut stale = Vec::new();
    for page in pages {
        let file = folder.join(&page.file);
        match std::fs::read_to_string(&file) {
            Ok(text) if text == page.text => {}
            Ok(_) => stale.push(format!("{}: is stale; {remedy}", file.display())),
            Err(error) => stale.push(format!("{}: {error}; {remedy}", file.display())),
        }
    }
    for file in left_over {
        stale.push(format!("{}: has no parameter file any more; {remedy}", file.display()));
    }
    if stale.is_empty() {
        return Ok(Exit::Ok);
    }
    console::faults(&stale);
    Ok(Exit::Failed)
}

/// Generated pages in `folder` that none of `pages` is.
fn left_over(folder: &Path, pages: &[Page]) -> Result<Vec<PathBuf>, Stop> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_page = pages.iter().any(|page| page.file == name);
        if !is_page && std::fs::read_to_string(&file).is_ok_and(|text| text.starts_with(MARK)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
