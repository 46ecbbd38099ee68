//! `rein diff A..B TARGET | call NAME`: the same read on two profiles, or saved files, compared.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::ArgMatches;

use crate::cli::diff::DiffArgs;
use crate::cli::options::CallOptions;
use crate::commands::prepare::{self, Callee, Given};
use crate::commands::{choose, confirm};
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
use crate::plan::call::Plan;
use crate::plan::diff::{self as decisions, DEFAULT_IGNORED, Operand};
use crate::plan::target;
use crate::profile::Profile;
use crate::profile::resolve::{self, Choice};
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
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let sides = Sides::read(&operands, args, &options, matches, cx).await?;
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
    /// Plans both calls, and then reads the left side and the right one.
    async fn read(
        operands: &[Operand; 2],
        args: &DiffArgs,
        options: &CallOptions,
        matches: &ArgMatches,
        cx: &Context,
    ) -> Result<Sides> {
        let names = names(operands);
        let [left, right] = operands;
        let (left, _left_tenant) = profile(left, options, cx).await?;
        let (right, _right_tenant) = profile(right, options, cx).await?;
        if let (Some(left), Some(right)) = (&left, &right) {
            decisions::refuse_shared_token([left, right], &cx.env)?;
        }
        let mut given = given(operands, args, options, matches, cx)?;
        let profiles = [&left, &right];
        if let (Some(given), [Some(_), Some(_)]) = (&mut given, profiles) {
            given.refuse_stdin();
        }
        let mut plans = [None, None];
        for (plan, profile) in plans.iter_mut().zip(profiles) {
            if let (Some(given), Some(profile)) = (&given, profile) {
                *plan = Some(planned(given, profile, cx)?);
            }
        }
        let mut redactors = Vec::new();
        let project = |profile: &Option<Profile>| {
            let project = profile.as_ref()?.project.as_ref()?;
            Some(project.value.clone())
        };
        let projects = [project(&left), project(&right)];
        let rules = decisions::rules(args, projects.each_ref().map(Option::as_deref))?;
        let mut documents = Vec::new();
        for (index, plan) in plans.into_iter().enumerate() {
            let mut receiver = Receiver::new(&names[index], &rules);
            match (&operands[index], plan) {
                (Operand::Profile(_), Some(plan)) => {
                    let read = engine::diff::read(plan, &mut receiver, cx).await;
                    let record = read.map_err(|failure| of_side(failure, &names[index]))?;
                    redactors.push(record.redactor);
                }
                (Operand::File(path), _) => file(path, &mut receiver)?,
                (Operand::Profile(_), None) => {}
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

/// Resolves a side's profile; `None` for a file. The demo tenant runs as long as what is returned.
async fn profile(
    operand: &Operand,
    options: &CallOptions,
    cx: &Context,
) -> Result<(Option<Profile>, Option<Tenant>)> {
    let Operand::Profile(name) = operand else {
        return Ok((None, None));
    };
    let choice = Choice {
        profile: Some(name),
        ..choose::choice(&options.profile)
    };
    let mut profile =
        resolve::resolve(&choice, &cx.env).map_err(|failure| match name.ends_with(".json") {
            true => failure.fact(format!("no file named {} exists either", sanitise(name))),
            false => failure,
        })?;
    let tenant = choose::start_demo(&mut profile).await?;
    Ok((Some(profile), tenant))
}

/// Returns the call that is made on each profile; `None` when both sides are files.
fn given<'a>(
    operands: &[Operand; 2],
    args: &'a DiffArgs,
    options: &'a CallOptions,
    matches: &ArgMatches,
    cx: &Context,
) -> Result<Option<Given<'a>>> {
    let are_files = operands.iter().all(|side| matches!(side, Operand::File(_)));
    let (callee, items) = match args.words.as_slice() {
        [] if are_files => return Ok(None),
        _ if are_files => {
            return Err(Failure::unsent("two files are compared without a TARGET"));
        }
        [] => {
            return Err(Failure::unsent("no target was given")
                .hint("name what is read: rein diff dev..prod /api/v1/datasets, or call NAME"));
        }
        words => Callee::read(words, &args.templates, options, cx)?,
    };
    Ok(Some(Given::new(callee, options, items, matches)))
}

/// Plans the call for a profile. Only a read passes.
fn planned<'p>(given: &Given<'_>, profile: &'p Profile, cx: &Context) -> Result<Plan<'p>> {
    let plan = given.plan(given.draft(profile)?, profile, cx)?;
    let mut redactor = Redactor::default();
    plan.sending.known.teach(&mut redactor);
    let path = target::below(&plan.request, profile, &redactor);
    prepare::refuse_foreign_tokens(&plan)?;
    decisions::refuse_write(&plan, &path)?;
    plan.judgement.check_token()?;
    plan.path.clone()?;
    let decision = confirm::decide(&plan.judgement, None, cx);
    confirm::pass(decision, &plan.request, &path, &plan.classified, profile)?;
    Ok(plan)
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
