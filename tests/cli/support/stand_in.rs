//! A stand-in for curl: it records its arguments, what config files hold, its environment and its
//! open descriptors.

use std::path::{Path, PathBuf};

use super::command::Rein;

/// The folder that a stand-in records in.
pub(crate) struct StandIn {
    seen: tempfile::TempDir,
}

/// How a stand-in was run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) arguments: Vec<String>,
    /// The content of every `-K FILE`.
    pub(crate) configs: Vec<String>,
    pub(crate) environment: String,
    pub(crate) descriptors: Vec<String>,
}

impl StandIn {
    pub(crate) fn new() -> StandIn {
        StandIn {
            seen: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Returns the program.
    pub(crate) fn program() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/support/curl.sh")
    }

    /// Has a call run the stand-in in curl's place.
    pub(crate) fn of(&self, call: Rein) -> Rein {
        self.recording(call).var("REIN_CURL", StandIn::program())
    }

    /// Tells a stand-in that is found in another way where to record.
    pub(crate) fn recording(&self, call: Rein) -> Rein {
        call.var("SEEN", self.seen.path())
    }

    /// Returns where something is recorded under this name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.seen.path().join(name)
    }

    fn file(&self, name: &str) -> Option<String> {
        let bytes = std::fs::read(self.path(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns whether it has been run.
    pub(crate) fn has_run(&self) -> bool {
        self.path("arguments").exists()
    }

    /// Returns how it was run, if it was.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let list = |name| {
            let text = self.file(name)?;
            Some(text.split_terminator('\0').map(str::to_owned).collect())
        };
        Some(Seen {
            arguments: list("arguments")?,
            configs: list("configs")?,
            environment: self.file("environment")?,
            descriptors: self
                .file("descriptors")?
                .lines()
                .map(str::to_owned)
                .collect(),
        })
    }
}
