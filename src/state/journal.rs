//! `--journal`: which lines of a batch have been sent and done, so that the same command resumes
//! after it was killed.
//!
//! The file is only ever appended to. Before a request is sent its lines are recorded as begun,
//! and once its outcome is known they are recorded as done or failed. Whatever moment a run is
//! killed at, the next one therefore knows of each line that it was never sent, that it is done,
//! that it failed, or that it was sent with an unknown outcome. A record that was cut off
//! by the end of the process was never acted on, and is removed.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::lines::LineSet;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::files::follow_links;

/// The version of the file's shape.
const SCHEMA_VERSION: u32 = 1;

/// What every journal begins with.
const START: &[u8] = b"{\"rein_journal\":";

/// How long a header may be: it has names, hashes and the words of one command line.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// What a journal belongs to: the same command on the same input gives the same key. A list, so
/// that a difference can be named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) Vec<(String, String)>);

#[derive(Serialize, Deserialize)]
struct Header {
    rein_journal: u32,
    key: Key,
}

/// What earlier runs have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Lines that are done.
    pub(crate) done: LineSet,
    /// Lines that were sent, and whose outcome is not known.
    pub(crate) unknown: LineSet,
}

/// What is recorded of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// They are about to be sent.
    Begun,
    /// They were done.
    Done,
    /// They were sent and refused: nothing was done.
    Failed,
}

impl Event {
    fn letter(self) -> &'static str {
        match self {
            Event::Begun => "b",
            Event::Done => "d",
            Event::Failed => "f",
        }
    }

    fn of(letter: &str) -> Option<Event> {
        [Event::Begun, Event::Done, Event::Failed]
            .into_iter()
            .find(|event| event.letter() == letter)
    }
}

/// A journal that no other run uses meanwhile. The lock is on the file itself, which is never
/// replaced; the system gives it up when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// How many bytes are whole records.
    length: u64,
}

impl Journal {
    /// Opens the journal of a command: what earlier runs have reached, or the beginning.
    ///
    /// # Errors
    /// Fails (exit 2) when the file belongs to another command or is not a journal, and with 14
    /// when another run is using it.
    pub(crate) fn open(path: &Path, key: Key) -> Result<(Self, Reached)> {
        let unusable = |error: &io::Error| {
            Failure::unsent(format!(
                "cannot open the journal {}: {}",
                path.display(),
                io_reason(error)
            ))
        };
        let path = follow_links(path).map_err(|error| unusable(&error))?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        // Only its owner reads it: values of the command can be private.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| unusable(&error))?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(Failure::unsent(format!(
                "the journal {} is not a regular file",
                path.display()
            )));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path)),
            // Where files cannot be locked, one run at a time is left to whoever starts them.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(unusable(&error)),
        }
        let mut journal = Journal {
            path,
            file,
            length: 0,
        };
        let reached = journal.read(&key)?;
        if journal.length == 0 {
            let header = Header {
                rein_journal: SCHEMA_VERSION,
                key,
            };
            let mut line =
                serde_json::to_vec(&header).context("the journal's header cannot be written")?;
            line.push(b'\n');
            journal.append(&line)?;
            journal.sync()?;
        }
        Ok((journal, reached))
    }

    /// Reads the records, and cuts off one that is not whole.
    fn read(&mut self, key: &Key) -> Result<Reached> {
        self.check_start()?;
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        let mut reached = Reached::default();
        let mut number = 0;
        loop {
            line.clear();
            let count = reader
                .read_until(b'\n', &mut line)
                .map_err(|error| self.cannot("read", &error))?;
            // After a power failure the end of a file can be zeros that were never written.
            let is_torn = !line.ends_with(b"\n") || line.first() == Some(&0);
            if count == 0 || is_torn {
                break;
            }
            number += 1;
            let text = std::str::from_utf8(&line).unwrap_or_default().trim_end();
            if number == 1 {
                self.check_header(text, key)?;
            } else {
                record(text, &mut reached).ok_or_else(|| self.damaged(number))?;
            }
            self.length += count as u64;
        }
        self.file
            .set_len(self.length)
            .and_then(|()| (&self.file).seek(SeekFrom::Start(self.length)))
            .map_err(|error| self.cannot("write", &error))?;
        Ok(reached)
    }

    /// Refuses a file that is not a journal before anything is cut off: only an empty one, and one
    /// whose header was cut off while it was written, may be started over.
    fn check_start(&self) -> Result<()> {
        let mut start = Vec::new();
        (&self.file)
            .take(MAX_HEADER_BYTES)
            .read_to_end(&mut start)
            .and_then(|_| (&self.file).seek(SeekFrom::Start(0)))
            .map_err(|error| self.cannot("read", &error))?;
        let is_whole = start.starts_with(START) && start.contains(&b'\n');
        let is_torn = (start.len() as u64) < MAX_HEADER_BYTES
            && (start.starts_with(START)
                || START.starts_with(&start)
                || start.iter().all(|byte| *byte == 0));
        match is_whole || is_torn {
            true => Ok(()),
            false => Err(self.foreign()),
        }
    }

    fn foreign(&self) -> Failure {
        let shown = self.path.display();
        Failure::unsent(format!("{shown} is not a journal of this version"))
            .hint("name another file")
    }

    fn check_header(&self, text: &str, key: &Key) -> Result<()> {
        let shown = self.path.display();
        let header: Header = serde_json::from_str(text)
            .ok()
            .filter(|header: &Header| header.rein_journal == SCHEMA_VERSION)
            .ok_or_else(|| self.foreign())?;
        match difference(&header.key, key) {
            None => Ok(()),
            Some(difference) => Err(Failure::unsent(format!(
                "the journal {shown} belongs to another command or input"
            ))
            .fact(difference)
            .hint("name another file, or remove this one to start over")),
        }
    }

    fn damaged(&self, number: u64) -> Failure {
        Failure::unsent(format!("the journal {} is damaged", self.path.display()))
            .fact(format!("line {number} is not a record"))
            .hint("which lines are done is no longer known; name another file to start over")
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Failure {
        Failure::new(
            Exit::Write,
            format!(
                "cannot {what} the journal {}: {}",
                self.path.display(),
                io_reason(error)
            ),
        )
    }

    /// Records what happens to lines. It is safe against the end of this process; against a power
    /// failure only once it has been forced onto the disk.
    ///
    /// # Errors
    /// Fails when it cannot be written; what was recorded before is still whole.
    pub(crate) fn record(&mut self, event: Event, lines: &LineSet) -> Result<()> {
        self.append(format!("{} {lines}\n", event.letter()).as_bytes())
    }

    fn append(&mut self, line: &[u8]) -> Result<()> {
        match (&self.file).write_all(line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A later record, which can be shorter, must not begin inside half a line.
                let _unless_it_fails_too = self
                    .file
                    .set_len(self.length)
                    .and_then(|()| (&self.file).seek(SeekFrom::Start(self.length)));
                Err(self.cannot("write", &error))
            }
        }
    }

    /// Forces the records onto the disk.
    ///
    /// # Errors
    /// Fails when the disk does not take them.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|error| self.cannot("write", &error))
    }

    /// Returns a second handle, to force the records onto the disk while others are added.
    ///
    /// # Errors
    /// Fails when the system has no handle left.
    pub(crate) fn handle(&self) -> Result<File> {
        self.file
            .try_clone()
            .map_err(|error| self.cannot("open", &error))
    }

    /// Returns the failure of a handle to force the records onto the disk.
    pub(crate) fn unsynced(&self, error: &io::Error) -> Failure {
        self.cannot("write", error)
    }
}

/// Returns the failure for a file that another run is using.
fn in_use(path: &Path) -> Failure {
    Failure::new(
        Exit::NotNow,
        format!("the journal {} is in use by another run", path.display()),
    )
    .fact("nothing was sent")
    .hint("wait until it has ended, or name another file")
}

/// Reads one record.
fn record(text: &str, reached: &mut Reached) -> Option<()> {
    let (letter, lines) = text.split_once(' ')?;
    let lines = LineSet::parse(lines)?;
    match Event::of(letter)? {
        Event::Begun => reached.unknown.add_all(&lines),
        Event::Done => {
            reached.unknown.remove_all(&lines);
            reached.done.add_all(&lines);
        }
        Event::Failed => reached.unknown.remove_all(&lines),
    }
    Some(())
}

fn difference(saved: &Key, now: &Key) -> Option<String> {
    let value = |key: &Key, name: &str| {
        let found = key.0.iter().find(|(found, _)| found == name);
        found.map_or_else(|| "(none)".to_owned(), |(_, value)| value.clone())
    };
    let names = saved.0.iter().chain(&now.0).map(|(name, _)| name);
    names.into_iter().find_map(|name| {
        let (before, after) = (value(saved, name), value(now, name));
        (before != after).then(|| format!("its {name} is {before}, this command's is {after}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(input: &str) -> Key {
        Key(vec![
            ("call".to_owned(), "PUT v1/x".to_owned()),
            ("input".to_owned(), input.to_owned()),
        ])
    }

    fn lines(text: &str) -> LineSet {
        LineSet::parse(text).expect("lines")
    }

    /// Opens a journal that was closed before. A command that another test starts meanwhile has the
    /// lock for a moment, with every other open file of the process.
    fn reopened(path: &Path, input: &str) -> Result<(Journal, Reached)> {
        for _ in 0..1000 {
            match Journal::open(path, key(input)) {
                Err(failure) if failure.exit == Exit::NotNow => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                opened => return opened,
            }
        }
        Journal::open(path, key(input))
    }

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        (folder, path)
    }

    #[test]
    fn a_journal_knows_what_is_done_and_what_is_not_known() {
        let (_folder, path) = journal();
        let (mut written, reached) = Journal::open(&path, key("a")).expect("fresh");
        assert_eq!(reached, Reached::default());
        for (event, text) in [
            (Event::Begun, "1-4"),
            (Event::Begun, "5"),
            (Event::Done, "1-4"),
            (Event::Begun, "6-7,9"),
            (Event::Failed, "5"),
        ] {
            written.record(event, &lines(text)).expect("recorded");
        }
        let other = Journal::open(&path, key("a")).expect_err("in use");
        assert_eq!(other.exit, Exit::NotNow);
        drop(written);
        let (_journal, reached) = reopened(&path, "a").expect("read");
        assert_eq!(reached.done, lines("1-4"));
        assert_eq!(reached.unknown, lines("6-7,9"));
    }

    #[test]
    fn a_journal_of_another_input_is_refused_by_name() {
        let (_folder, path) = journal();
        drop(Journal::open(&path, key("a")).expect("fresh"));
        let failure = reopened(&path, "b").expect_err("another");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.to_string().contains("its input is a"), "{failure}");
        std::fs::write(&path, "{}\n").expect("written");
        assert!(reopened(&path, "a").is_err_and(|failure| failure.exit == Exit::Usage));
    }

    #[test]
    fn a_file_that_is_not_a_journal_stays_as_it_is() {
        let (_folder, path) = journal();
        for other in [
            &b"no line end"[..],
            b"\0\0\0 ftypmp42\nmore\n",
            b"{\"a\":1}",
            b"a\n",
        ] {
            std::fs::write(&path, other).expect("written");
            let failure = reopened(&path, "a").expect_err("not a journal");
            assert_eq!(failure.exit, Exit::Usage);
            assert_eq!(std::fs::read(&path).expect("read"), other);
        }
    }

    #[test]
    fn a_header_that_was_cut_off_is_written_again() {
        let (_folder, path) = journal();
        drop(Journal::open(&path, key("a")).expect("fresh"));
        let whole = std::fs::read(&path).expect("read");
        let zeros = vec![0; whole.len()];
        for torn in [&whole[..5], &whole[..whole.len() - 1], &zeros[..]] {
            std::fs::write(&path, torn).expect("written");
            drop(reopened(&path, "a").expect("begun anew"));
            assert_eq!(std::fs::read(&path).expect("read"), whole);
        }
    }

    #[test]
    fn a_damaged_journal_is_refused() {
        let (_folder, path) = journal();
        drop(Journal::open(&path, key("a")).expect("fresh"));
        let mut text = std::fs::read(&path).expect("read");
        text.extend_from_slice(b"b 1\nx 2\nd 1\n");
        std::fs::write(&path, text).expect("written");
        let failure = reopened(&path, "a").expect_err("damaged");
        assert!(failure.to_string().contains("line 3"), "{failure}");
    }

    #[test]
    #[cfg(unix)]
    fn a_journal_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = journal();
        drop(Journal::open(&path, key("a")).expect("fresh"));
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    proptest! {
        #[test]
        fn a_journal_cut_off_anywhere_never_forgets_what_was_acted_on(
            events in prop::collection::vec((0_usize..3, 1_u64..20), 1..20),
            back in 0_usize..12,
        ) {
            let (_folder, path) = journal();
            let (mut written, _) = Journal::open(&path, key("a")).expect("fresh");
            let header = std::fs::metadata(&path).expect("there").len();
            for (event, line) in &events {
                let event = [Event::Begun, Event::Done, Event::Failed][*event];
                written.record(event, &lines(&line.to_string())).expect("recorded");
            }
            drop(written);
            let whole = std::fs::read(&path).expect("read");
            let cut = (whole.len() - back.min(whole.len())).max(usize::try_from(header).expect("small"));
            std::fs::write(&path, &whole[..cut]).expect("written");
            let kept = whole[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let (mut again, reached) = reopened(&path, "a").expect("read");
            let mut expected = Reached::default();
            let text = String::from_utf8_lossy(&whole[..kept]).into_owned();
            for line in text.lines().skip(1) {
                record(line, &mut expected).expect("a record");
            }
            prop_assert_eq!(reached, expected);
            again.record(Event::Begun, &lines("99")).expect("recorded");
            drop(again);
            let (_journal, reached) = reopened(&path, "a").expect("read");
            prop_assert!(reached.unknown.contains(99));
        }
    }
}
