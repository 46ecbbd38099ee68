//! `rein diff A..B TARGET | call NAME`: the same read on two profiles, or saved files, compared.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::ArgMatches;

use crate::cli::diff::DiffArgs;
use crate::cli::options::CallOptions;
use crate::commands::prepare::Given;
use crate::commands::reads::{self, Planned, Words};
use crate::compare::Rules;
use crate::compare::difference::{Counts, Gathered};
use crate::compare::document::{Document, Receiver, compare_documents};
use crate::console::stdout;
use crate::demo::Tenant;
use crate::engine::{self, Context};
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::output::diff::{self, Shown, notes};
use crate::output::view::Screen;
use crate::plan::diff::{self as decisions, DEFAULT_IGNORED, Operand};
use crate::plan::reads::refuse_shared_token;
use crate::profile::Profile;
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// Compares.
///
/// # Errors
/// Fails (exit 2) before anything is sent when the line is wrong, and then as a side does.
pub(crate) fn run(args: &DiffArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    if args.profile.is_some() {
        return Err(Failure::unsent(
            "-p cannot be combined with A..B, which names the profiles",
        ));
    }
    if args.paging.state.is_some() {
        return Err(Failure::unsent("--state is not supported by diff"));
    }
    if args.safe_stdout {
        stdout::break_commands();
    }
    let operands = decisions::operands(&args.sides, Path::is_file)?;
    let shown = decisions::shown(args)?;
    // Mistakes in a path or key are found before anything is sent.
    decisions::rules(args, [None, None])?;
    let options = args.call_options();
    let given = given(&operands, args, &options, matches, cx)?;
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let (profiles, _tenants) = profiles(&operands, &options, cx).await?;
        let planned = planned(given.as_ref(), &profiles, cx)?;
        if args.dry_run {
            return engine::print(&reads::shown(&planned));
        }
        let sides = Sides::read(&operands, &profiles, planned, args, cx).await?;
        compared(sides, args, shown, cx)
    });
    runtime.shutdown_background();
    result
}

/// Both documents.
struct Sides {
    names: [String; 2],
    documents: [Document; 2],
    rules: Rules,
    /// What hides the tokens that each side knows.
    redactors: Vec<Redactor>,
}

impl Sides {
    /// Reads the left side and then the right one.
    async fn read(
        operands: &[Operand; 2],
        profiles: &[Profile],
        planned: Vec<Planned<'_>>,
        args: &DiffArgs,
        cx: &Context,
    ) -> Result<Sides> {
        let names = names(operands);
        let project = |profile: &Profile| Some(profile.project.as_ref()?.value.clone());
        // Only two profiles can each have a project of their own.
        let projects = match profiles {
            [left, right] => [project(left), project(right)],
            _ => [None, None],
        };
        let rules = decisions::rules(args, projects.each_ref().map(Option::as_deref))?;
        let mut planned = planned.into_iter();
        let mut redactors = Vec::new();
        let mut documents = Vec::new();
        for (operand, name) in operands.iter().zip(&names) {
            let mut receiver = Receiver::new(name, &rules);
            match operand {
                Operand::File(path) => file(path, &mut receiver)?,
                Operand::Profile(_) => {
                    // Each profile has a plan, in the same order.
                    let Some(Planned { plan, .. }) = planned.next() else {
                        continue;
                    };
                    let read = engine::diff::read(plan, &mut receiver, cx).await;
                    let record = read.map_err(|failure| of_side(failure, name))?;
                    redactors.push(record.attempts.redactor);
                }
            }
            documents.push(receiver.finish()?);
        }
        let Ok(documents) = documents.try_into() else {
            return Err(Failure::local("two documents are needed"));
        };
        Ok(Sides {
            names,
            documents,
            rules,
            redactors,
        })
    }
}

/// Says which side a failure is about.
fn of_side(failure: Failure, name: &str) -> Failure {
    Failure {
        facts: std::iter::once(format!("side: {name}"))
            .chain(failure.facts)
            .collect(),
        ..failure
    }
}

/// Returns how the sides are called: as on the command line, and numbered where both are the same.
fn names(operands: &[Operand; 2]) -> [String; 2] {
    let names = operands.each_ref().map(|operand| match operand {
        Operand::Profile(name) => sanitise(name).into_owned(),
        Operand::File(path) => sanitise(&path.to_string_lossy()).into_owned(),
    });
    match names {
        [left, right] if left == right => [format!("{left} (A)"), format!("{right} (B)")],
        names => names,
    }
}

/// Resolves the profiles of the sides that have one. The demo tenants run as long as what is
/// returned.
async fn profiles(
    operands: &[Operand; 2],
    options: &CallOptions,
    cx: &Context,
) -> Result<(Vec<Profile>, Vec<Tenant>)> {
    let (mut profiles, mut tenants) = (Vec::new(), Vec::new());
    for operand in operands {
        let Operand::Profile(name) = operand else {
            continue;
        };
        let found = reads::profile(Some(name), options, cx).await;
        let (profile, tenant) = found.map_err(|failure| match name.ends_with(".json") {
            true => failure.fact(format!("no file named {} exists either", sanitise(name))),
            false => failure,
        })?;
        profiles.push(profile);
        tenants.extend(tenant);
    }
    refuse_shared_token(&profiles, &cx.env)?;
    Ok((profiles, tenants))
}

/// Returns the call that is made on each profile; `None` when both sides are files.
fn given<'a>(
    operands: &[Operand; 2],
    args: &'a DiffArgs,
    options: &'a CallOptions,
    matches: &ArgMatches,
    cx: &Context,
) -> Result<Option<Given<'a>>> {
    let is_profile = |side: &&Operand| matches!(side, Operand::Profile(_));
    let profiles = operands.iter().filter(is_profile).count();
    match (profiles, args.words.is_empty()) {
        (0, true) if args.dry_run => Err(Failure::unsent(
            "--dry-run shows requests, and two files are compared without any",
        )),
        (0, true) => Ok(None),
        (0, false) => Err(Failure::unsent("two files are compared without a TARGET")),
        (_, true) => Err(Failure::unsent("no target was given")
            .hint("name what is read: rein diff dev..prod /api/v1/datasets, or call NAME")),
        (_, false) => {
            let words = Words {
                words: &args.words,
                templates: &args.templates,
                options,
                matches,
            };
            words.given(profiles, cx).map(Some)
        }
    }
}

/// Plans the call for every profile.
fn planned<'p>(
    given: Option<&Given<'_>>,
    profiles: &'p [Profile],
    cx: &Context,
) -> Result<Vec<Planned<'p>>> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let plan = |profile| reads::planned(given, profile, "diff makes only reads", cx);
    profiles.iter().map(plan).collect()
}

/// Reads a file.
fn file(path: &Path, receiver: &mut Receiver<'_>) -> Result<()> {
    let cannot = |error: &std::io::Error| {
        let name = path.to_string_lossy();
        Failure::usage(format!(
            "cannot read {}: {}",
            sanitise(&name),
            io_reason(error)
        ))
    };
    let mut file = File::open(path).map_err(|error| cannot(&error))?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(|error| cannot(&error))? {
            0 => return Ok(()),
            read => receiver.push(&buffer[..read])?,
        }
    }
}

/// Compares the documents and shows what differs.
fn compared(sides: Sides, args: &DiffArgs, shown: Shown, cx: &Context) -> Result<Exit> {
    let Sides {
        names,
        documents,
        rules,
        redactors,
    } = sides;
    let is_counted = matches!(shown, Shown::Counts | Shown::CountsAsJson);
    let mut gathered = Gathered::new(!is_counted);
    let noted = compare_documents(documents, &rules, &mut gathered)?;
    for line in notes::warnings(&noted, &names) {
        cx.warn(&line);
    }
    if !args.silent {
        let defaults = if args.no_default_ignore {
            0
        } else {
            DEFAULT_IGNORED.len()
        };
        cx.notes(&notes::ignored(&noted, &rules, defaults));
    }
    let screen = Screen {
        terminal: cx.env.stdout_terminal,
        width: cx.env.stdout_terminal.then(|| cx.env.columns()),
        theme: cx.stdout_theme.clone(),
    };
    let counts = &gathered.counts;
    let text = diff::shown(shown, gathered.kept(), counts, &names, &screen)?;
    write(&text, &redactors, cx)?;
    if !args.silent && !is_counted {
        cx.notes(&[summary(counts, &names)]);
    }
    Ok(match gathered.counts.is_same() {
        true => Exit::Ok,
        false => Exit::Unmet,
    })
}

fn summary(counts: &Counts, names: &[String; 2]) -> String {
    match counts.is_same() {
        true => "no differences".to_owned(),
        false => diff::counts(counts, names, ", ")
            .trim_end_matches(", ")
            .to_owned(),
    }
}

/// Writes to standard output; on a terminal no token that rein knows is shown.
fn write(text: &[u8], redactors: &[Redactor], cx: &Context) -> Result<()> {
    let mut text = String::from_utf8_lossy(text).into_owned();
    if cx.env.stdout_terminal {
        for redactor in redactors {
            text = redactor.clean(&text);
        }
    }
    engine::print(&text).map(|_| ())
}
