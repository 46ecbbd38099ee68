//! Private files, file locks, and whether two paths name the same file.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// Returns the folder that a path's last part is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Returns the path that a path's links lead to, whether or not a file is there.
///
/// # Errors
/// Fails when links lead in a circle, or the path cannot be a file's.
pub(crate) fn follow_links(path: &Path) -> io::Result<PathBuf> {
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                path = folder_of(&path).join(std::fs::read_link(&path)?);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Returns a name for a file that is beside another one and belongs to it: `.NAME` and `end`. A
/// long name is shortened to a hash, because some file systems allow 143 bytes and no more.
pub(crate) fn name_beside(name: &OsStr, end: &str) -> OsString {
    const MAX_NAME_BYTES: usize = 128;
    let mut beside = OsString::from(".");
    if name.len() > MAX_NAME_BYTES {
        beside.push(hash(&[name.as_encoded_bytes()]));
    } else {
        beside.push(name);
    }
    beside.push(end);
    beside
}

/// Returns a file's path as seen from a folder, with `/` between its parts; both are absolute.
pub(crate) fn relative(path: &Path, folder: &Path) -> String {
    let same = path
        .components()
        .zip(folder.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = folder.components().skip(same).map(|_| "..".into());
    let down = path.components().skip(same);
    let down = down.map(|part| part.as_os_str().to_string_lossy());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// Returns a hash of texts that is the same in every version of the program (FNV-1a).
pub(crate) fn hash(texts: &[&[u8]]) -> String {
    let mut hash = OFFSET;
    for text in texts {
        hash = text
            .iter()
            .chain([&0xff])
            .fold(hash, |hash, byte| step(hash, *byte));
    }
    format!("{hash:016x}")
}

/// Returns a hash of a file's bytes that is the same in every version of the program.
///
/// # Errors
/// Fails when the file cannot be read.
pub(crate) fn hash_of(file: File) -> io::Result<String> {
    let mut reader = io::BufReader::with_capacity(64 * 1024, file);
    let mut hash = OFFSET;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(format!("{hash:016x}"));
        }
        hash = chunk.iter().fold(hash, |hash, byte| step(hash, *byte));
        let length = chunk.len();
        reader.consume(length);
    }
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// Creates a folder, and those above it, that only its owner can enter.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Creates a file that only its owner can read, where none is yet.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file that is there to be locked. Only its owner can: others could hold it for ever.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    open_no_link(&mut options, path)
}

/// Opens a file of our own to read it.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    open_no_link(File::options().read(true), path)
}

/// Opens a file of our own, but not through a link: another user may have put one there.
#[cfg(unix)]
pub(crate) fn open_no_link(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use rustix::{fs::OFlags, io::Errno};
    use std::os::unix::fs::OpenOptionsExt;
    let opened = options
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP | Errno::MLINK) => io::Error::other("it is a symbolic link"),
        _ => error,
    })
}

/// Opens a file of our own, but not through a link: another user may have put one there.
#[cfg(not(unix))]
pub(crate) fn open_no_link(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(io::Error::other("it is a symbolic link"));
    }
    options.open(path)
}

/// Returns whether group or others can do something with an open file. What is open is asked, as
/// the name may lead elsewhere a moment later.
#[cfg(unix)]
pub(crate) fn is_open_to_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Returns whether others can do something with a file: these systems have no such mode.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_file: &File) -> bool {
    false
}

/// Returns whether what was looked at twice is one file.
#[cfg(unix)]
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Returns whether it is one file: nothing that tells files apart is available here.
#[cfg(not(unix))]
pub(crate) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_path_is_seen_from_a_folder() {
        for (path, folder, seen) in [
            ("/a/b/c", "/a/b", "c"),
            ("/a/b/c", "/a", "b/c"),
            ("/a/b/c", "/a/x", "../b/c"),
            ("/c", "/a/x", "../../c"),
            ("/a/bb/c", "/a/b", "../bb/c"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(folder)), seen);
        }
    }

    #[test]
    fn a_name_beside_is_short_enough_for_every_file_system() {
        let name = |length: usize| OsString::from("n".repeat(length));
        assert_eq!(name_beside(OsStr::new("a"), ".lock"), ".a.lock");
        for length in [127, 128, 129, 255] {
            let beside = name_beside(&name(length), ".01234567.part");
            assert!(beside.len() <= 143, "{length}");
            assert_ne!(beside, name_beside(&name(length + 1), ".01234567.part"));
        }
    }
}
