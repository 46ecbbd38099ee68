//! `--state`: what an earlier run of the same paged call has reached.

use std::path::Path;

use crate::error::{Failure, Result};
use crate::files::{folder_of, follow_links, hash, relative};
use crate::output::file::{PartFile, cannot_write, is_written_directly};
use crate::output::items::columns::Columns;
use crate::output::view::View;
use crate::plan::call::Plan;
use crate::plan::continuation::Continuation;
use crate::plan::paging::PagePlan;
use crate::plan::paging::StatePlan;
use crate::request::Body;
use crate::state::{Key, Progress, StateFile};
use crate::text::path;
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
    pub(crate) fn open(plan: &Plan<'_>) -> Result<Resumed> {
        let Continuation::Pages(PagePlan {
            state: Some(wanted),
            ..
        }) = &plan.continuation
        else {
            return Ok(Resumed::default());
        };
        let (state, progress) = StateFile::open(&wanted.file, key(wanted, plan))?;
        if let Some(output) = &plan.delivery.file {
            if progress.finished {
                check_finished(output, &wanted.file, &progress)?;
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
        .hint("to start over, remove the state")
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
            "to read all pages again, remove the state: {}",
            sanitise(&state.to_string_lossy())
        )))
}

/// Returns what a state of this call belongs to: everything that decides what is written.
fn key(state: &StatePlan, plan: &Plan<'_>) -> Key {
    let first = &plan.request;
    let view = &plan.reading.view;
    let body: &[u8] = match &first.body {
        Body::Bytes(bytes) => bytes,
        _ => b"",
    };
    let profile = plan.sending.profile;
    Key {
        profile: profile.name.clone(),
        endpoint: profile.base.value.as_str().to_owned(),
        method: first.method.to_string(),
        path: first.url.path().to_owned(),
        request: hash(&[first.url.query().unwrap_or_default().as_bytes(), body]),
        items_path: state.items_path.clone(),
        format: if view.csv_safe {
            format!("{} (--csv-safe)", view.shape.name())
        } else {
            view.shape.name().to_owned()
        },
        columns_option: state.columns.clone(),
        output: match &plan.delivery.file {
            Some(output) => seen_from(output, &state.file),
            None => "(standard output)".to_owned(),
        },
    }
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
