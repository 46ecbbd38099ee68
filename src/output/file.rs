//! `-o FILE`: the file appears only when it is complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Failure, io_reason};
use crate::exit::Exit;
use crate::files::{folder_of, follow_links, name_beside, open_no_link};
use crate::signal;
use crate::text::terminal::sanitise;

/// A file that appears under its name only when it is complete.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: Option<File>,
    part: PathBuf,
    target: PathBuf,
    /// Whether the unfinished file stays when it is not finished: a later run resumes it.
    stays: bool,
}

/// Makes sure that a file can be written, and leaves everything as it is. To be asked before a
/// request is sent: afterwards it is too late to choose another file.
///
/// # Errors
/// Fails when it is a folder, its folder is not there, or it cannot be opened or created.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    refuse_a_folder(path)?;
    if is_pipe(path) {
        // Opening it waits for its reader, who may be waiting for the response.
        return Ok(());
    }
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    let target = follow_links(path)?;
    signal::remove_on_interrupt(&target);
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&target)
        .and_then(|_| std::fs::remove_file(&target));
    signal::keep_on_interrupt(&target);
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Makes sure that the file of `-o` can be put in its place, in the same way.
///
/// # Errors
/// Fails as [`check_writable`] does.
pub(crate) fn check_replaceable(path: &Path) -> io::Result<()> {
    if is_written_directly(path) {
        return check_writable(path);
    }
    refuse_a_folder(path)?;
    PartFile::create(path).map(drop)
}

fn refuse_a_folder(path: &Path) -> io::Result<()> {
    let last = path.as_os_str().as_encoded_bytes().last();
    if path.is_dir() || last.is_some_and(|last| std::path::is_separator(char::from(*last))) {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(())
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_path: &Path) -> bool {
    false
}

impl PartFile {
    /// Returns where the unfinished file is.
    pub(crate) fn path(&self) -> &Path {
        &self.part
    }

    /// Creates the unfinished file beside the target, with the permissions that the umask gives.
    ///
    /// # Errors
    /// Fails when the folder does not exist or cannot be written to.
    pub(crate) fn create(target: &Path) -> io::Result<Self> {
        const MAX_ATTEMPTS: usize = 16;
        // What a link leads to is replaced, not the link.
        let target = follow_links(target)?;
        let folder = folder_of(&target);
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..MAX_ATTEMPTS {
            let end = format!(".{:08x}.part", fastrand::u32(..));
            let part = folder.join(name_beside(name, &end));
            match create_like(&part, &target) {
                Ok(file) => {
                    signal::remove_on_interrupt(&part);
                    return Ok(PartFile {
                        file: Some(file),
                        part,
                        target,
                        stays: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Opens the unfinished file that an earlier run has left beside the target, cut to what is
    /// known to be whole; a length of 0 starts over. It stays until it is finished.
    ///
    /// # Errors
    /// Fails when it is shorter than that, is a link, or cannot be written to.
    pub(crate) fn resume(target: &Path, length: u64) -> io::Result<Self> {
        let target = follow_links(target)?;
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let part = target.with_file_name(name_beside(name, ".part"));
        let mut file = if length == 0 {
            create_anew(&part, &target)?
        } else {
            let file = open_left(&part)?;
            take_mode_of(&file, &target)?;
            file
        };
        if file.metadata()?.len() < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        file.set_len(length)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(PartFile {
            file: Some(file),
            part,
            target,
            stays: true,
        })
    }

    /// Forces what has been written onto the disk.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }

    /// Puts the file in its place. It is not forced onto the disk, as curl does not: that costs
    /// more than the transfer, and after a power failure the call can be retried.
    ///
    /// # Errors
    /// Fails when it cannot be put there: the old file is then untouched, and what was written
    /// stays where the error says.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let placed = self.place();
        signal::keep_on_interrupt(&self.part);
        let part = std::mem::take(&mut self.part);
        placed.map_err(|error| {
            let part = part.to_string_lossy();
            let (why, part) = (io_reason(&error), sanitise(&part));
            io::Error::new(error.kind(), format!("{why}; the response is in {part}"))
        })
    }

    fn place(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            take_mode_of(&file, &self.target)?;
        }
        std::fs::rename(&self.part, &self.target)
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.part.as_os_str().is_empty() && !self.stays {
            let _already_gone = std::fs::remove_file(&self.part);
            signal::keep_on_interrupt(&self.part);
        }
    }
}

/// Creates a file instead of what an earlier run has left: the name is known beforehand, so
/// whatever is there is never written through.
fn create_anew(part: &Path, target: &Path) -> io::Result<File> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => create_like(part, target),
    }
}

/// Creates the unfinished file with the permissions of the one that it will replace. Before its
/// first byte it is never wider than that.
fn create_like(part: &Path, target: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Ok(old) = std::fs::metadata(target) {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(old.permissions().mode() & 0o777);
    }
    let file = options.open(part)?;
    take_mode_of(&file, target)?;
    Ok(file)
}

/// Gives a file the permissions of the one that it will replace, if there is one: the name keeps
/// its readers.
fn take_mode_of(file: &File, target: &Path) -> io::Result<()> {
    match std::fs::metadata(target) {
        Ok(old) => file.set_permissions(old.permissions()),
        Err(_) => Ok(()),
    }
}

/// Opens what an earlier run has left, when it is a file and no link to one. A second name of a
/// file (a hard link) is not noticed.
fn open_left(part: &Path) -> io::Result<File> {
    // A pipe would be waited for.
    if !std::fs::symlink_metadata(part)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    open_no_link(OpenOptions::new().write(true), part)
}

/// Says that a place could not be written to.
pub(crate) fn cannot_write(place: &str, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Write,
        format!("cannot write {}: {}", sanitise(place), io_reason(error)),
    )
}

/// Returns whether a path is something that is written to directly: a device, pipe or socket.
pub(crate) fn is_written_directly(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Returns whether a path is a terminal (`/dev/tty`, `/dev/stdout`), which text must not drive.
#[cfg(unix)]
pub(crate) fn is_terminal(path: &Path) -> bool {
    use std::io::IsTerminal;
    use std::os::unix::fs::FileTypeExt;
    // A pipe is not opened for a look: its reader would see it closed.
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device())
        && File::options()
            .write(true)
            .open(path)
            .is_ok_and(|file| file.is_terminal())
}

/// Returns whether a path is a terminal: none has a path here.
#[cfg(not(unix))]
pub(crate) fn is_terminal(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_finished_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out");
        std::fs::write(&target, "old").expect("written");
        let mut part = PartFile::create(&target).expect("created");
        part.write_all(b"new").expect("written");
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "old");
        part.finish().expect("finished");
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "new");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_that_is_dropped_leaves_the_old_one_and_no_litter() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out");
        std::fs::write(&target, "old").expect("written");
        drop(PartFile::create(&target).expect("created"));
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
