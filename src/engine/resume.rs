//! `--state`: what an earlier run of the same paged call has reached.

use std::path::Path;

use crate::cli::options::CallOptions;
use crate::error::{Failure, Result};
use crate::files::{folder_of, follow_links, hash, relative};
use crate::output::file::{PartFile, cannot_write, is_written_directly};
use crate::output::items::columns::Columns;
use crate::output::items::path;
use crate::output::view::{Shape, View};
use crate::plan::call::Reading;
use crate::profile::Profile;
use crate::request::{Body, Request};
use crate::state::{Key, Progress, StateFile};
use crate::text::terminal::sanitise;

/// A state that has been opened, and what it records; nothing without `--state`.
#[derive(Default)]
pub(crate) struct Resumed {
    pub(crate) state: Option<StateFile>,
    pub(crate) progress: Progress,
}

impl Resumed {
    /// Opens the state that a call names.
    ///
    /// # Errors
    /// Fails when the state is another command's or in use, or when the output is not what the
    /// state says.
    pub(crate) fn open(
        options: &CallOptions,
        profile: &Profile,
        first: &Request,
        reading: &Reading,
    ) -> Result<Resumed> {
        let Some(file) = &options.paging.state else {
            return Ok(Resumed::default());
        };
        let key = key(Path::new(file), options, profile, first, &reading.view)?;
        let (state, progress) = StateFile::open(Path::new(file), key)?;
        if let Some(output) = options.output.file() {
            if progress.finished {
                check_finished(output, Path::new(file), &progress)?;
            } else if progress.bytes > 0 && !is_written_directly(output) {
                PartFile::resume(output, progress.bytes)
                    .map(drop)
                    .map_err(|error| not_resumable(output, &error).fact("nothing was sent"))?;
            }
        }
        Ok(Resumed {
            state: Some(state),
            progress,
        })
    }

    /// Returns whether all pages have been read, and only the file is not in its place yet.
    pub(crate) fn is_read(&self) -> bool {
        self.progress.pages > 0 && self.progress.cursor.is_none()
    }

    /// Returns a view with the columns that the output has already: another release may have
    /// others for this endpoint.
    pub(crate) fn view(&self, view: &View) -> Result<View> {
        let mut view = view.clone();
        if self.progress.pages > 0 {
            view.header = false;
            let columns = self.progress.columns.iter();
            let columns = columns.map(|column| path::Path::parse(column));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            view.columns = (!columns.is_empty()).then(|| Columns::new(columns));
        }
        Ok(view)
    }
}

/// Says that the unfinished file of an earlier run cannot be gone on with.
pub(crate) fn not_resumable(output: &Path, error: &std::io::Error) -> Failure {
    cannot_write(&output.to_string_lossy(), error)
        .fact("the unfinished file of the earlier run is gone, shorter than the state says, or a link")
        .hint("remove the state to begin anew")
}

/// Makes sure that a finished output is what the state says.
fn check_finished(output: &Path, state: &Path, progress: &Progress) -> Result<()> {
    let shown = output.to_string_lossy();
    let shown = sanitise(&shown);
    let problem = match std::fs::metadata(output) {
        Err(_) => format!("the state says that all was written, and {shown} is not there"),
        Ok(found) if found.is_file() && found.len() != progress.bytes => format!(
            "{shown} has changed since it was written: {} bytes then, {} bytes now",
            progress.bytes,
            found.len()
        ),
        Ok(_) => return Ok(()),
    };
    Err(Failure::local(problem)
        .fact("nothing was sent")
        .hint(format!(
            "remove the state to read all pages anew: {}",
            sanitise(&state.to_string_lossy())
        )))
}

/// Returns what a state of this call belongs to: everything that decides what is written.
fn key(
    state: &Path,
    options: &CallOptions,
    profile: &Profile,
    first: &Request,
    view: &View,
) -> Result<Key> {
    /// What the endpoint's own choice is called.
    const DEFAULT: &str = "(default)";
    refuse_what_cannot_be_resumed(options, view)?;
    let body: &[u8] = match &first.body {
        Body::Bytes(bytes) => bytes,
        _ => b"",
    };
    let listed: Vec<_> = options
        .output
        .columns
        .iter()
        .map(|list| list.to_string_lossy())
        .collect();
    let items_path = options.output.items_at.as_ref();
    Ok(Key {
        profile: profile.name.clone(),
        endpoint: profile.base.value.as_str().to_owned(),
        method: first.method.to_string(),
        path: first.url.path().to_owned(),
        request: hash(&[first.url.query().unwrap_or_default().as_bytes(), body]),
        items_path: items_path.map_or(DEFAULT.into(), |path| path.to_string_lossy().into_owned()),
        format: if view.csv_safe {
            format!("{} (--csv-safe)", view.shape.name())
        } else {
            view.shape.name().to_owned()
        },
        columns_option: if listed.is_empty() {
            DEFAULT.to_owned()
        } else {
            listed.join(",")
        },
        output: match options.output.file() {
            Some(output) => seen_from(output, state),
            None => "(standard output)".to_owned(),
        },
    })
}

/// Returns where an output is, as seen from the state's folder: the two may be named by other
/// paths, or moved together.
fn seen_from(output: &Path, state: &Path) -> String {
    let real = |file: &Path| {
        let file = follow_links(file)?;
        Ok::<_, std::io::Error>((std::fs::canonicalize(folder_of(&file))?, file))
    };
    match (real(output), real(state)) {
        (Ok((folder, output)), Ok((state_folder, _))) => {
            let name = output.file_name().unwrap_or_default();
            relative(&folder.join(name), &state_folder)
        }
        _ => output.to_string_lossy().into_owned(),
    }
}

fn refuse_what_cannot_be_resumed(options: &CallOptions, view: &View) -> Result<()> {
    if options.paging.limit.is_some() {
        return Err(
            Failure::usage("--state goes from page to page, and --limit stops within one")
                .hint("use --max-pages"),
        );
    }
    let is_resumable = matches!(view.shape, Shape::NdJson | Shape::Delimited(_))
        && view.filter.is_none()
        && view.sort.is_none();
    if !is_resumable {
        return Err(
            Failure::usage("--state needs an output that can be gone on with")
                .hint("--format ndjson, csv or tsv, without -q and --sort"),
        );
    }
    if matches!(view.shape, Shape::Delimited(_)) && view.columns.is_none() {
        return Err(
            Failure::usage("--state needs to know the columns before the first page")
                .hint("name them with --columns, or use --format ndjson"),
        );
    }
    Ok(())
}
