//! Whether there is room where a run writes.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use crate::preflight::Check;

/// What a run needs at least: records and the heads and tails of logs of a thousand cases.
const LEAST: u64 = 64 << 20;

/// Whether `folder`, which need not be there yet, can be made and written, and has room.
pub(super) fn folder(folder: &Path) -> Check {
    const WHAT: &str = "disk";
    let shown = folder.display();
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(there) = absolute.ancestors().find(|above| above.exists()) else {
        return Check::failed(WHAT, format!("{shown} leads nowhere"), "name a folder with --out");
    };
    let name = there.display();
    if !there.is_dir() {
        let problem = format!("{name} is no folder, so {shown} cannot be made");
        return Check::failed(WHAT, problem, "name another with --out");
    }
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        let problem = format!("{name} cannot be written ({error})");
        return Check::failed(WHAT, problem, "mend its permissions, or name another with --out");
    }
    match statvfs(there) {
        Err(error) => {
            let problem = format!("the room in {name} cannot be told ({error})");
            Check::warn(WHAT, problem, "name another with --out where it is short")
        }
        Ok(found) => judged(found.f_bavail.saturating_mul(found.f_frsize), &name.to_string()),
    }
}

fn judged(room: u64, name: &str) -> Check {
    let told = format!("{} MiB in {name}", room >> 20);
    if room < LEAST {
        let problem = format!("there are {told}, and a run needs {} MiB", LEAST >> 20);
        return Check::failed("disk", problem, "free some, or name another folder with --out");
    }
    Check::good("disk", told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_may_still_have_to_be_made() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(folder(&dir.path().join("deep/below")).failure(), None);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let told = folder(&file.join("below")).failure().unwrap();
        let name = dir.path().display().to_string();
        insta::assert_snapshot!(told.replace(&name, "DIR"), @"disk: DIR/file is no folder, so DIR/file/below cannot be made; name another with --out");
    }

    #[test]
    fn little_room_is_told_in_figures() {
        assert_eq!(judged(LEAST, "x").failure(), None);
        insta::assert_snapshot!(judged(LEAST - 1, "x").failure().unwrap(), @"disk: there are 63 MiB in x, and a run needs 64 MiB; free some, or name another folder with --out");
    }
}
