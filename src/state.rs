//! Where a paged call has come to, kept in a file so that the same command resumes from there.
//!
//! The order makes it safe against a kill and a power failure: a page's output is written and
//! forced onto the disk first; then the new state is written beside the old one, forced onto the
//! disk, and renamed over it; then the folder is forced onto the disk. A state therefore never
//! claims a page that is not there, and output behind its recorded length is cut off on resuming.

pub(crate) mod journal;
pub(crate) mod lines;

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::files::{folder_of, follow_links, is_same, name_beside, open_lock};
use crate::signal;

/// The version of the file's shape.
const SCHEMA_VERSION: u32 = 2;

/// What a state belongs to: the same command gives the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) profile: String,
    pub(crate) endpoint: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// A hash of query and body.
    pub(crate) request: String,
    /// Where the items are, as far as the user gives it.
    pub(crate) items_path: String,
    /// How items are written.
    pub(crate) format: String,
    /// The columns, as far as the user gives it.
    pub(crate) columns_option: String,
    /// The file of `-o`, as seen from the state's folder.
    pub(crate) output: String,
}

/// How far the call has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The cursor of the next page, as JSON; none before the first and after the last.
    pub(crate) cursor: Option<String>,
    pub(crate) items: u64,
    pub(crate) pages: u64,
    /// How many bytes of output are whole.
    pub(crate) bytes: u64,
    /// Whether the last page has been written.
    pub(crate) finished: bool,
    /// The columns that the output has, where its format has columns.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    schema_version: u32,
    #[serde(flatten)]
    key: Key,
    #[serde(flatten)]
    progress: Progress,
}

/// A state's file, which no other run uses meanwhile.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    key: Key,
    _lock: Lock,
}

impl StateFile {
    /// Opens the state of a command: what an earlier run has reached, or the beginning.
    ///
    /// # Errors
    /// Fails (exit 2) when the file belongs to another command or is not a state, and with 14 when
    /// another run is using it.
    pub(crate) fn open(path: &Path, key: Key) -> Result<(Self, Progress)> {
        let shown = path.display();
        let unreadable = |error: &io::Error| {
            Failure::usage(format!(
                "the state {shown} cannot be read: {}",
                io_reason(error)
            ))
            .fact("nothing was sent")
        };
        let target = follow_links(path).map_err(|error| unreadable(&error))?;
        let state = StateFile {
            _lock: Lock::take(&target)?,
            path: target,
            key,
        };
        let text = match std::fs::read(&state.path) {
            // An empty file is what mktemp leaves.
            Ok(text) if text.is_empty() => return Ok((state, Progress::default())),
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((state, Progress::default()));
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let saved: Saved = serde_json::from_slice(&text)
            .ok()
            .filter(|saved: &Saved| saved.schema_version == SCHEMA_VERSION)
            .ok_or_else(|| {
                Failure::usage(format!("{shown} is not a state of this version"))
                    .hint("name another file, or remove this one to start over")
            })?;
        if saved.key != state.key {
            return Err(
                Failure::usage(format!("the state {shown} belongs to another command"))
                    .fact(difference(&saved.key, &state.key))
                    .fact("nothing was sent")
                    .hint("name another file, or remove this one to start over"),
            );
        }
        Ok((state, saved.progress))
    }

    /// Records what has been reached; the output must be on the disk already.
    ///
    /// # Errors
    /// Fails when the file cannot be written; the old state is then still there.
    pub(crate) fn save(&self, progress: &Progress) -> Result<()> {
        self.write(progress).map_err(|error| {
            Failure::new(
                crate::exit::Exit::Write,
                format!(
                    "the state {} cannot be written: {}",
                    self.path.display(),
                    io_reason(&error)
                ),
            )
        })
    }

    fn write(&self, progress: &Progress) -> io::Result<()> {
        let folder = folder_of(&self.path);
        let saved = Saved {
            schema_version: SCHEMA_VERSION,
            key: self.key.clone(),
            progress: progress.clone(),
        };
        // Only for its owner's eyes from the first byte: a query can be private.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(serde_json::to_string_pretty(&saved)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // Not every system lets a folder be opened; the rename is then as safe as it gets.
        if let Ok(folder) = File::open(folder) {
            let _synced = folder.sync_all();
        }
        Ok(())
    }
}

/// Keeps a second run away from a state. The state's own file is replaced by every page, so the
/// lock is a file beside it; the system gives it up when the process ends, however it ends.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(state: &Path) -> Result<Lock> {
        let name = name_beside(state.file_name().unwrap_or_default(), ".lock");
        let path = state.with_file_name(name);
        let cannot = |error: &io::Error| {
            Failure::usage(format!(
                "the state {} cannot be locked: {}",
                state.display(),
                io_reason(error)
            ))
            .fact("nothing was sent")
        };
        loop {
            let file = open_lock(&path).map_err(|error| cannot(&error))?;
            match file.try_lock() {
                Ok(()) if !is_at(&file, &path) => continue,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let headline =
                        format!("the state {} is in use by another run", state.display());
                    return Err(Failure::new(Exit::NotNow, headline)
                        .fact("nothing was sent")
                        .hint("wait until it has ended, or name another file"));
                }
                // Where files cannot be locked, one run at a time is left to whoever starts them.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(cannot(&error)),
            }
            signal::remove_on_interrupt(&path);
            return Ok(Lock { path, _file: file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: whoever has opened it meanwhile sees that it is not there any more.
        if cfg!(unix) {
            let _already_gone = std::fs::remove_file(&self.path);
        }
        signal::keep_on_interrupt(&self.path);
    }
}

/// Returns whether an open file still has its name: the run before may have removed it.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => is_same(&open, &named),
        _ => false,
    }
}

fn difference(saved: &Key, now: &Key) -> String {
    let pairs = [
        ("profile", &saved.profile, &now.profile),
        ("endpoint", &saved.endpoint, &now.endpoint),
        ("method", &saved.method, &now.method),
        ("path", &saved.path, &now.path),
        ("items path", &saved.items_path, &now.items_path),
        ("format", &saved.format, &now.format),
        ("columns option", &saved.columns_option, &now.columns_option),
        ("output", &saved.output, &now.output),
    ];
    for (name, saved, now) in pairs {
        if saved != now {
            return format!("its {name} is {saved}, this command's is {now}");
        }
    }
    "its query or body is another".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::hash;

    fn key() -> Key {
        Key {
            profile: "dev".to_owned(),
            endpoint: "https://h".to_owned(),
            method: "POST".to_owned(),
            path: "/api/v1/x".to_owned(),
            request: hash(&[b"a", b"b"]),
            items_path: "(default)".to_owned(),
            format: "ndjson".to_owned(),
            columns_option: "(default)".to_owned(),
            output: "out".to_owned(),
        }
    }

    #[test]
    fn a_state_is_read_back_by_the_same_command_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (state, progress) = StateFile::open(&path, key()).expect("fresh");
        assert_eq!(progress, Progress::default());
        let reached = Progress {
            cursor: Some("\"x\"".to_owned()),
            items: 5,
            pages: 2,
            bytes: 99,
            ..Progress::default()
        };
        state.save(&reached).expect("saved");
        let in_use = StateFile::open(&path, key()).expect_err("in use");
        assert_eq!(in_use.exit, Exit::NotNow, "{in_use}");
        drop(state);
        assert_eq!(StateFile::open(&path, key()).expect("read").1, reached);
        let other = Key {
            request: hash(&[b"ab", b""]),
            ..key()
        };
        assert!(StateFile::open(&path, other).is_err());
        std::fs::write(&path, "{}").expect("written");
        assert!(StateFile::open(&path, key()).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_state_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (state, _) = StateFile::open(&path, key()).expect("fresh");
        state.save(&Progress::default()).expect("saved");
        for name in ["state", ".state.lock"] {
            let metadata = std::fs::metadata(folder.path().join(name)).expect("there");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        }
        drop(state);
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
