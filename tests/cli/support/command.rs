//! The command, run in an environment that holds nothing but what the test says.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::CANARY;

/// A call of the command that has not been made yet.
#[must_use]
pub(crate) struct Rein {
    args: Vec<OsString>,
    vars: Vec<(OsString, OsString)>,
    home: tempfile::TempDir,
    stdin: Option<Vec<u8>>,
    /// Where it runs: a relative path that it writes must not end up in the repository.
    folder: PathBuf,
    _own_folder: tempfile::TempDir,
}

/// Begins a call with these words, the environment empty, with a home and a current folder of its
/// own.
pub(crate) fn rein<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Rein {
    let own_folder = tempfile::tempdir().expect("a folder");
    Rein {
        args: args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect(),
        vars: vec![("TERM".into(), "xterm".into())],
        home: tempfile::tempdir().expect("a home"),
        stdin: None,
        folder: own_folder.path().to_owned(),
        _own_folder: own_folder,
    }
}

impl Rein {
    /// Adds a word.
    pub(crate) fn also(mut self, word: impl AsRef<OsStr>) -> Self {
        self.args.push(word.as_ref().to_owned());
        self
    }

    /// Sets a variable.
    pub(crate) fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.vars.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Points the command at an endpoint with the canary as its token, by the environment alone.
    pub(crate) fn at(self, endpoint: &str) -> Self {
        self.var("REINFER_ENDPOINT", endpoint)
            .var("REINFER_TOKEN", CANARY)
    }

    /// Writes the configuration file, readable by its owner alone.
    pub(crate) fn config(self, text: &str) -> Self {
        let path = self.config_path();
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("written");
        set_mode(&path, 0o600);
        self
    }

    /// Returns where the configuration file is.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.home.path().join(".config/rein/config.toml")
    }

    /// Gives standard input.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Runs in this folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// Returns the command for tests that need more than its end.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rein"));
        command
            .args(&self.args)
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(&self.folder);
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it with both outputs in pipes.
    pub(crate) fn start(&self) -> Child {
        self.command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a start")
    }

    /// Runs the command to its end.
    pub(crate) fn run(self) -> Finished {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut child = command.spawn().expect("the command starts");
        let writer = self.stdin.map(|bytes| {
            let mut stdin = child.stdin.take().expect("a pipe");
            std::thread::spawn(move || {
                // The command may end without reading: that is for the test to judge.
                let _closed = stdin.write_all(&bytes);
            })
        });
        let output = child.wait_with_output().expect("the command ends");
        if let Some(writer) = writer {
            writer.join().expect("the writer ends");
        }
        let line = self
            .args
            .iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        Finished {
            line,
            exit: exit_code(output.status),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

/// The end of a call.
pub(crate) struct Finished {
    line: String,
    /// The exit code as a shell sees it.
    pub(crate) exit: i32,
    /// What was written to standard output.
    pub(crate) stdout: Vec<u8>,
    /// What was written to standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Finished {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{self}");
        self
    }

    /// Fails the test unless standard output is exactly this.
    #[track_caller]
    pub(crate) fn stdout(self, expected: impl AsRef<[u8]>) -> Self {
        let expected = expected.as_ref();
        assert!(
            self.stdout == expected,
            "expected stdout {:?}\n{self}",
            String::from_utf8_lossy(expected)
        );
        self
    }

    /// Fails the test unless standard output begins with this text.
    #[track_caller]
    pub(crate) fn stdout_starts(self, expected: &str) -> Self {
        assert!(
            self.stdout_text().starts_with(expected),
            "expected stdout to begin with {expected:?}\n{self}"
        );
        self
    }

    /// Fails the test unless standard error holds this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr_text().contains(text),
            "expected on stderr: {text:?}\n{self}"
        );
        self
    }

    /// Fails the test if standard error holds this text.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stderr_text().contains(text),
            "not expected on stderr: {text:?}\n{self}"
        );
        self
    }

    /// Fails the test if the canary is anywhere in the output or in a file the command wrote.
    #[track_caller]
    pub(crate) fn no_canary(self) -> Self {
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            assert!(!holds_canary(bytes), "the canary is on {name}\n{self}");
        }
        self
    }

    /// Returns standard error as text.
    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns standard output as text.
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "$ rein {}\n------- exit {}\n------- stdout\n{}\n------- stderr\n{}",
            self.line,
            self.exit,
            self.stdout_text(),
            self.stderr_text()
        )
    }
}

fn holds_canary(bytes: &[u8]) -> bool {
    bytes
        .windows(CANARY.len())
        .any(|window| window == CANARY.as_bytes())
}

/// Starts a command, interrupts it as Ctrl-C does when `is_time`, and returns its exit code, its
/// standard output and its standard error.
#[cfg(unix)]
pub(crate) fn interrupted(call: &Rein, is_time: impl Fn() -> bool) -> (i32, String, String) {
    let child = call
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    while !is_time() {
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        exit_code(output.status),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Returns a command as a shell runs it after these words.
#[cfg(unix)]
pub(crate) fn after(words: &str, call: &Rein) -> Command {
    let ours = call.command();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{words}; exec \"$0\" \"$@\"")])
        .arg(ours.get_program())
        .args(ours.get_args());
    in_the_place_of(&ours, &mut shell);
    shell
}

/// Gives a command that runs another one (a shell, `script`) the other's environment and folder.
pub(crate) fn in_the_place_of(command: &Command, runner: &mut Command) {
    let vars = command.get_envs();
    runner
        .env_clear()
        .envs(vars.filter_map(|(name, value)| value.map(|value| (name, value))));
    if let Some(folder) = command.get_current_dir() {
        runner.current_dir(folder);
    }
}

/// Returns the code that a shell would see: 128 and the signal's number after a signal.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .expect("an end")
    }
    #[cfg(not(unix))]
    {
        status.code().expect("an end")
    }
}

/// Sets a file's permissions.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}
