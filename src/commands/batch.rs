//! `rein batch`: from the command line to a job, its confirmation, and what is reported of it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;

use crate::cli::batch::{BatchArgs, InputFormat};
use crate::cli::options::{self, CallOptions, Format};
use crate::cli::units;
use crate::commands::prepare::{self, Callee};
use crate::commands::{choose, confirm};
use crate::console::stdout;
use crate::engine::batch::{self, FailedRows, Job, Order, Settings, Skipping, Source, Survey};
use crate::engine::report::{self, Wanted};
use crate::engine::{Context, print, response};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::files::{hash, is_same};
use crate::input::rows::{self, Raw, RowFormat};
use crate::input::{self, Input};
use crate::output::batch::{Results, Summary};
use crate::output::progress::BatchMeter;
use crate::output::status::counted;
use crate::output::view::{Screen, View};
use crate::output::{file, junit};
use crate::plan::batch::{Approval, Group, Mapping, Recipe};
use crate::plan::call::Reading;
use crate::plan::delivery::{Delivery, Notes};
use crate::plan::guard::{self, Needed, Refusal};
use crate::plan::presentation::{self, Declared};
use crate::plan::sending::Sending;
use crate::plan::{checks, preview};
use crate::profile::{Guard, Profile, resolve};
use crate::state::journal::{Journal, Key};
use crate::text::terminal::sanitise;

/// The size of a group's body unless `--group-bytes` says otherwise.
const GROUP_BYTES: u64 = 4_000_000;

/// How large a response may be unless `--max-size` says otherwise: several are held at a time.
const MAX_BODY: u64 = 16 * 1024 * 1024;

/// The columns of results unless `--columns` says otherwise.
const COLUMNS: [&str; 7] = [
    "line",
    "status",
    "server_ms",
    "total_ms",
    "attempts",
    "body",
    "error.message",
];

/// Makes a call of each row of a file.
///
/// # Errors
/// Fails with everything that keeps the first call from being sent, and when the batch ends before
/// its input.
pub(crate) fn run(args: &BatchArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    // Before the summary is written, which would be over the input.
    refuse_same_files(args)?;
    let wanted = Wanted {
        meta: args.options.output.meta.as_deref(),
        report: checks::report(&args.options.checks)?,
        ..Wanted::default()
    };
    let mut summary = Summary::default();
    let checked = refuse_options(args).and_then(|()| check_files(args, &wanted));
    let result = checked.and_then(|()| {
        let runtime = cx.runtime()?;
        let result = runtime.block_on(planned(args, matches, &mut summary, cx));
        // A name lookup that hangs would hold up a runtime that is dropped.
        runtime.shutdown_background();
        result
    });
    finish(args, &summary, &wanted, result, cx)
}

/// Refuses what has no meaning for many calls.
fn refuse_options(args: &BatchArgs) -> Result<()> {
    let CallOptions {
        request,
        safety,
        output,
        paging,
        checks,
        ..
    } = &args.options;
    let format = output.format;
    let is_document = matches!(
        format,
        Some(Format::Pretty | Format::Raw | Format::Table | Format::Yaml)
    );
    let hint_stdout = "results go to standard output: redirect it with >";
    let hint_format = "formats: ndjson, csv, tsv, and compact with -q";
    for (is_given, name, hint) in [
        (output.output.is_some(), "-o", hint_stdout),
        (output.include, "-i", "-v shows header blocks"),
        (output.dump_header.is_some(), "-D", "-v shows header blocks"),
        (
            output.write_out.is_some(),
            "-w",
            "each result has its times",
        ),
        (output.table || is_document, "this format", hint_format),
        (
            format == Some(Format::Compact) && output.filter.is_none(),
            "--format compact",
            hint_format,
        ),
        (output.sort.is_some(), "--sort", "results are not held"),
        (
            output.items_at.is_some(),
            "--items",
            "each result is an item",
        ),
        (output.fail, "-f", "leave it out"),
        (output.keep_error_body, "--keep-error-body", "leave it out"),
        (paging.paginate, "--paginate", "leave it out"),
        (
            paging.limit.is_some(),
            "--limit",
            "give the endpoint's own: limit==N",
        ),
        (checks.until.is_some(), "--until", "leave it out"),
        (safety.curl, "--curl", "--dry-run shows the first request"),
        (request.get, "-G", "give query parameters as name==value"),
        (request.head, "-I", "use the method HEAD"),
    ] {
        if is_given {
            let failure = Failure::unsent(format!("{name} is not supported in a batch"));
            return Err(failure.hint(hint));
        }
    }
    Ok(())
}

async fn planned(
    args: &BatchArgs,
    matches: &ArgMatches,
    summary: &mut Summary,
    cx: &Context,
) -> Result<Exit> {
    let options = &args.options;
    if options.output.safe_stdout {
        stdout::break_commands();
    }
    let mut profile = resolve::resolve(&choose::choice(&options.profile), &cx.env)?;
    let _tenant = match options.safety.dry_run {
        true => None,
        false => choose::start_demo(&mut profile).await?,
    };
    let (callee, items) = Callee::read(&args.words, &args.templates, options, cx)?;
    let input = gathered(args, matches, items)?;
    let url = profile.base.value.url();
    let mut sending = Sending::decide(&options.connection, &profile, url, &cx.env)?;
    sending.connection.is_timed = false;
    let connection = sending.connection.clone();
    let format = format(args);
    let mut recipe = Recipe::new(&callee, &options.request, input, &profile, &connection)?
        .of_rows(format, mapping(args)?, group(args)?)?;
    note_terminal(args, cx);
    let (mut source, header) = rows_of(args, &mut recipe, format).await?;
    describe(summary, args, &recipe);
    let (journal, mut skipping) = journal(args, &profile, &mut source).await?;
    skipping.resend_unknown |= recipe.is_idempotent();
    let survey = survey(args, &recipe, format, &skipping, &profile)?;
    if options.safety.dry_run {
        return dry_run(args, survey, &recipe, cx);
    }
    let approval = approve(args, survey.as_ref(), &profile, cx)?;
    let job = Job {
        settings: settings(args, &recipe, cx)?,
        delivery: delivery(options),
        reading: reading(options)?,
        order: Order {
            unordered: args.run.unordered,
            quiet_ok: args.run.quiet_ok,
        },
        results: Results::new(&view(options)?, &screen(cx)),
        failed: failed_rows(args, header)?,
        meter: meter(args, cx),
        recipe: &recipe,
        source,
        sending,
        approval,
        skipping,
        journal,
    };
    let (known, result) = batch::run(job, std::mem::take(summary), cx).await;
    *summary = known;
    result
}

/// Reads what the calls have in common.
fn gathered(args: &BatchArgs, matches: &ArgMatches, items: &[OsString]) -> Result<Input> {
    let options = &args.options;
    let is_stdin = args.rows.from == "-";
    let is_taken = prepare::stdin_taken(options)?;
    if is_stdin && is_taken {
        return Err(Failure::unsent(
            "--from and --token-file both read standard input",
        ));
    }
    input::gather(
        &options.request,
        options::data_in_order(matches),
        options::form_in_order(matches),
        items,
        is_stdin || is_taken,
    )
}

fn delivery(options: &CallOptions) -> Delivery {
    Delivery {
        notes: Notes {
            verbose: options.output.verbose,
            ..Notes::default()
        },
        ..Delivery::default()
    }
}

fn reading(options: &CallOptions) -> Result<Reading> {
    Ok(Reading {
        view: View::raw(),
        max_size: Some(max_body(options)?),
        head_only: false,
        other_than_json: false,
        checks: checks::decide(&options.checks)?,
        pages: None,
    })
}

/// Refuses to write over the input, or two files over each other, by whatever names they are given.
fn refuse_same_files(args: &BatchArgs) -> Result<()> {
    let run = &args.run;
    let named = [
        ("--from", Some(&args.rows.from)),
        ("--failed", run.failed.as_ref()),
        ("--journal", run.journal.as_ref()),
        ("--summary", run.summary.as_ref()),
        ("--meta", args.options.output.meta.as_ref()),
    ];
    let mut files: Vec<(&str, &OsString, Option<Metadata>)> = Vec::new();
    for (option, file) in named {
        let Some(file) = file.filter(|file| *file != "-") else {
            continue;
        };
        let found = std::fs::metadata(file).ok();
        // A terminal, a pipe or the null device can take several.
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            continue;
        }
        let is_other = |other: &Option<Metadata>| match (&found, other) {
            (Some(found), Some(other)) => cfg!(unix) && is_same(found, other),
            _ => false,
        };
        for (earlier, other, before) in &files {
            // Both get the same text.
            let is_summary_twice = (*earlier, option) == ("--summary", "--meta");
            if (*other == file || is_other(before)) && !is_summary_twice {
                return Err(Failure::unsent(format!(
                    "{option} and {earlier} name the same file"
                )));
            }
        }
        files.push((option, file, found));
    }
    Ok(())
}

/// Makes sure, before anything is sent, that the reports can be written.
fn check_files(args: &BatchArgs, wanted: &Wanted<'_>) -> Result<()> {
    response::check_files(&Delivery::default(), wanted)?;
    let summary = args.run.summary.as_deref().filter(|file| *file != "-");
    summary.map_or(Ok(()), |file| {
        file::check_writable(Path::new(file)).map_err(|error| {
            file::cannot_write(&file.to_string_lossy(), &error).fact("nothing was sent")
        })
    })
}

fn format(args: &BatchArgs) -> RowFormat {
    let by_name = || {
        let extension = Path::new(&args.rows.from).extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(InputFormat::Csv),
            "tsv" => Some(InputFormat::Tsv),
            _ => None,
        }
    };
    match args.rows.input_format.or_else(by_name) {
        None | Some(InputFormat::Ndjson) => RowFormat::NdJson,
        Some(InputFormat::Csv) => RowFormat::Delimited(b','),
        Some(InputFormat::Tsv) => RowFormat::Delimited(b'\t'),
    }
}

fn mapping(args: &BatchArgs) -> Result<Mapping> {
    let mut pairs = Vec::new();
    for word in &args.rows.map {
        let word = word
            .to_str()
            .ok_or_else(|| Failure::usage("the value of --map is not valid UTF-8"))?;
        match word.strip_prefix('@') {
            Some(file) => {
                let text = input::read_text(OsStr::new(file), "--map")?;
                let lines = text.lines().map(str::trim);
                let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                pairs.extend(lines.map(str::to_owned));
            }
            None => pairs.push(word.to_owned()),
        }
    }
    Mapping::parse(pairs.iter().map(String::as_str))
}

fn group(args: &BatchArgs) -> Result<Option<Group>> {
    let [count, field] = args.rows.group.as_slice() else {
        return Ok(None);
    };
    let max_rows = count.parse().ok().filter(|count| *count > 0);
    let max_rows = max_rows.ok_or_else(|| {
        Failure::usage(format!("--group {}: expected a number", sanitise(count)))
            .hint("--group 1024 comments")
    })?;
    let max_bytes = match &args.rows.group_bytes {
        Some(size) => units::size("--group-bytes", size)?,
        None => GROUP_BYTES,
    };
    Ok(Some(Group {
        field: field.clone(),
        max_rows,
        max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
    }))
}

/// Begins to read rows: their header, where they have one, and a look at the first of them.
async fn rows_of(
    args: &BatchArgs,
    recipe: &mut Recipe<'_>,
    format: RowFormat,
) -> Result<(Source, Option<Raw>)> {
    let mut source = Source::start(open(&args.rows.from)?, format)?;
    let header = match source.next_if(recipe.needs_header()).await? {
        Some(row) => {
            recipe.read_header(&row.raw)?;
            Some(row.raw)
        }
        None => None,
    };
    if let Some(first) = source.peek().await? {
        recipe.refuse_without_group(first)?;
    }
    Ok((source, header))
}

/// Says what is waited for when rows come from the keyboard.
fn note_terminal(args: &BatchArgs, cx: &Context) {
    let is_waiting = args.rows.from == "-" && cx.env.stdin_terminal && cx.env.stderr_terminal;
    if is_waiting && !args.options.output.silent {
        let end = if cfg!(windows) {
            "Ctrl-Z and Enter"
        } else {
            "Ctrl-D"
        };
        cx.notes(&[format!(
            "note: reading rows from the terminal; end with {end}"
        )]);
    }
}

fn open(from: &OsStr) -> Result<Box<dyn Read + Send>> {
    if from == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(open_file(from)?))
}

fn open_file(from: &OsStr) -> Result<File> {
    let path = Path::new(from);
    File::open(path).map_err(|error| input::unreadable(path, &error))
}

/// Returns the size of the input, where it is a file.
fn input_size(args: &BatchArgs) -> Option<u64> {
    let metadata = std::fs::metadata(&args.rows.from).ok()?;
    (args.rows.from != "-" && metadata.is_file()).then_some(metadata.len())
}

/// Notes what is known of the calls before any is made.
fn describe(summary: &mut Summary, args: &BatchArgs, recipe: &Recipe<'_>) {
    let classified = recipe.classified();
    summary.profile.clone_from(&recipe.profile.name);
    summary.class = recipe.class();
    summary.endpoint = classified.endpoint.map(|endpoint| endpoint.name);
    let shown = match recipe.callee {
        Callee::Raw(_) => &args.words[..args.words.len() - recipe.raw_items()],
        _ => &args.words[..2],
    };
    let words: Vec<_> = shown.iter().map(|word| word.to_string_lossy()).collect();
    summary.call = words.join(" ");
}

fn settings(args: &BatchArgs, recipe: &Recipe<'_>, cx: &Context) -> Result<Settings> {
    let rate = args.run.rate.as_deref();
    Ok(Settings {
        jobs: usize::from(args.run.jobs),
        interval: rate.map(|rate| units::rate("--rate", rate)).transpose()?,
        is_grouped: !args.rows.group.is_empty(),
        split_on: args.rows.split_on.clone(),
        stop_after: args.run.stop_after,
        strict: args.rows.strict,
        max_body: max_body(&args.options)?,
        is_idempotent: recipe.is_idempotent(),
        is_redacted: cx.env.stdout_terminal,
    })
}

fn max_body(options: &CallOptions) -> Result<u64> {
    match &options.output.max_size {
        Some(size) => units::size("--max-size", &size.to_string_lossy()),
        None => Ok(MAX_BODY),
    }
}

/// Decides how results are written: one JSON object a line, unless something else is asked for.
fn view(options: &CallOptions) -> Result<View> {
    let mut output = options.output.clone();
    output.format = output.format.or(match output.filter {
        Some(_) => Some(Format::Compact),
        None => Some(Format::Ndjson),
    });
    let declared = Declared {
        items: None,
        columns: COLUMNS.map(str::to_owned).to_vec(),
    };
    presentation::decide(&output, &declared)
}

fn screen(cx: &Context) -> Screen {
    Screen {
        terminal: cx.env.stdout_terminal,
        width: None,
        theme: cx.stdout_theme.clone(),
    }
}

fn meter(args: &BatchArgs, cx: &Context) -> BatchMeter {
    BatchMeter::start(&cx.env, args.options.output.silent, input_size(args))
}

fn failed_rows(args: &BatchArgs, header: Option<Raw>) -> Result<Option<FailedRows>> {
    let Some(file) = &args.run.failed else {
        return Ok(None);
    };
    let mut failed = FailedRows::create(Path::new(file))?;
    header
        .into_iter()
        .for_each(|header| failed.set_header(header));
    Ok(Some(failed))
}

/// Opens the journal of the command, where there is one.
async fn journal(
    args: &BatchArgs,
    profile: &Profile,
    source: &mut Source,
) -> Result<(Option<Journal>, Skipping)> {
    let path = args
        .run
        .journal
        .as_deref()
        .filter(|_| !args.options.safety.dry_run);
    let Some(path) = path else {
        return Ok((None, Skipping::default()));
    };
    let key = key(args, profile, source).await?;
    let (journal, reached) = Journal::open(Path::new(path), key)?;
    let skipping = Skipping {
        reached,
        resend_unknown: args.run.resend_unknown,
    };
    Ok((Some(journal), skipping))
}

/// Returns what a journal belongs to. Values can be private, so that hashes stand for them.
async fn key(args: &BatchArgs, profile: &Profile, source: &mut Source) -> Result<Key> {
    let bytes = |words: &[OsString]| -> Vec<Vec<u8>> {
        words
            .iter()
            .map(|word| word.as_encoded_bytes().to_vec())
            .collect()
    };
    let hashed = |words: &[OsString]| {
        let words = bytes(words);
        hash(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let request = &args.options.request;
    let values = [&request.var[..], &request.header, &request.url_query].concat();
    let endpoint = match profile.is_demo() {
        true => "the built-in demo tenant".to_owned(),
        false => profile.base.value.as_str().to_owned(),
    };
    let project = profile
        .project
        .as_ref()
        .map(|project| project.value.clone());
    let shown = |text: &OsStr| text.to_string_lossy().into_owned();
    let call = args
        .words
        .iter()
        .take(2)
        .map(|word| shown(word))
        .collect::<Vec<_>>();
    let input = match input_size(args) {
        Some(size) => {
            let hash = hash_of_file(open_file(&args.rows.from)?)?;
            format!("{size} bytes with the hash {hash}")
        }
        None => match source.peek().await?.map(|row| &row.raw) {
            Some(Raw::Bytes(row)) => {
                format!("a stream whose first row has the hash {}", hash(&[row]))
            }
            _ => "an empty stream".to_owned(),
        },
    };
    let format = format(args);
    Ok(Key(vec![
        ("profile".to_owned(), profile.name.clone()),
        ("endpoint".to_owned(), endpoint),
        (
            "project".to_owned(),
            project.unwrap_or_else(|| "(none)".to_owned()),
        ),
        ("call".to_owned(), call.join(" ")),
        ("hash of the words".to_owned(), hashed(&args.words)),
        ("hash of the values".to_owned(), hashed(&values)),
        ("mapping".to_owned(), hashed(&args.rows.map)),
        ("group".to_owned(), args.rows.group.join(" ")),
        ("input format".to_owned(), format!("{format:?}")),
        ("input".to_owned(), input),
    ]))
}

fn hash_of_file(file: File) -> Result<String> {
    crate::files::hash_of(file).map_err(|error| rows::unreadable(&error).fact("nothing was sent"))
}

/// Looks at the whole input where that is asked for, or a guard may be concerned.
fn survey(
    args: &BatchArgs,
    recipe: &Recipe<'_>,
    format: RowFormat,
    skipping: &Skipping,
    profile: &Profile,
) -> Result<Option<Survey>> {
    let is_guarded = profile.guard.value != Guard::None
        || profile.unknown_guards.is_some()
        || profile
            .neighbours
            .iter()
            .any(|other| other.guard != Guard::None);
    let is_wanted = args.options.safety.dry_run || args.rows.strict || is_guarded;
    if !is_wanted || input_size(args).is_none() {
        return Ok(None);
    }
    let survey = Survey::take(open_file(&args.rows.from)?, format, recipe, skipping)?;
    if args.rows.strict && survey.invalid > 0 {
        let invalid = counted(survey.invalid, "invalid line", "invalid lines");
        let failure = Failure::unsent(format!("{invalid} (--strict)"));
        return Err(named(&survey).into_iter().fold(failure, Failure::fact));
    }
    Ok(Some(survey))
}

/// Names the first invalid rows.
fn named(survey: &Survey) -> Vec<String> {
    let mut lines: Vec<String> = survey
        .named
        .iter()
        .map(|(line, failure)| format!("line {line}: {}", failure.headline))
        .collect();
    let more = survey.invalid - survey.named.len() as u64;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// Says what the batch would do.
fn dry_run(
    args: &BatchArgs,
    survey: Option<Survey>,
    recipe: &Recipe<'_>,
    cx: &Context,
) -> Result<Exit> {
    let Some(survey) = survey else {
        return Err(
            Failure::unsent("--dry-run needs a file that can be read twice")
                .hint("write the rows to a file first"),
        );
    };
    let mut text = facts(&survey)
        .into_iter()
        .map(|(name, value)| format!("{name:<9} {}\n", sanitise(&value)))
        .collect::<String>();
    if let Some(unit) = &survey.first {
        let judgement = &unit.call.judgement;
        let given = args.options.safety.confirm.as_deref();
        let mut names = given.into_iter().flat_map(|names| names.split(','));
        let is_needed = |name: &&str| survey.needed.contains_key(name.trim());
        let name = names.find(is_needed).map(str::trim).or(given);
        let decision = confirm::decide(judgement, name, cx);
        text.push_str(&format!("\nfirst request, {}:\n", unit.lines().named()));
        text.push_str(&preview::dry_run(&preview::Look {
            request: &unit.call.request,
            filled: &unit.call.filled,
            classified: &judgement.classified,
            profile: recipe.profile,
            decision: &decision,
            proxy: None,
        }));
    } else {
        text.push_str("nothing was sent\n");
    }
    cx.notes(&named(&survey));
    print(&text)?;
    Ok(match survey.invalid {
        0 => Exit::Ok,
        _ => Exit::BatchFailed,
    })
}

/// Returns what a batch as a whole would do.
fn facts(survey: &Survey) -> Vec<(&'static str, String)> {
    let mut lines = survey.lines.to_string();
    for (count, what) in [
        (survey.invalid, "invalid"),
        (survey.skipped, "sent by an earlier run"),
    ] {
        if count > 0 {
            lines.push_str(&format!(", {count} of them {what}"));
        }
    }
    let mut facts = vec![("lines", lines), ("requests", survey.requests.to_string())];
    if let Some(class) = survey.class {
        facts.push(("class", class.name().to_owned()));
    }
    facts.extend(survey.cost().map(|cost| ("cost", cost)));
    if !survey.owners.is_empty() {
        let owners: Vec<&str> = survey.owners.iter().map(String::as_str).collect();
        facts.push(("owners", owners.join(", ")));
    }
    facts
}

/// Has the guards of the whole batch passed, once.
fn approve(
    args: &BatchArgs,
    survey: Option<&Survey>,
    profile: &Profile,
    cx: &Context,
) -> Result<Approval> {
    let given = args.options.safety.confirm.as_deref();
    let confirmed = given.map(names).unwrap_or_default();
    // The owners of a stream are known only as its rows come: each is compared with these names.
    let Some(survey) = survey else {
        return Ok(Approval { owners: confirmed });
    };
    let needed: BTreeSet<String> = survey.needed.keys().cloned().collect();
    if !needed.is_subset(&confirmed) {
        let all = needed.iter().cloned().collect::<Vec<_>>().join(",");
        if given.is_some() || !(cx.env.stdin_terminal && cx.env.stderr_terminal) {
            return Err(refused(survey, all, given.is_some()));
        }
        confirm::ask(profile, concerns(survey), &all, |reply| {
            names(reply) == needed
        })?;
    }
    Ok(Approval { owners: needed })
}

/// Reads the names of `--confirm` or of a reply.
fn names(text: &str) -> BTreeSet<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

/// Says that the batch is not sent, since not all names were given.
fn refused(survey: &Survey, all: String, is_given: bool) -> Failure {
    let needed = Needed {
        owner: all,
        guard: Guard::Confirm,
        reason: String::new(),
    };
    let refusal = match is_given {
        true => Refusal::WrongName,
        false => Refusal::NotConfirmed,
    };
    let failure = guard::refused(&needed, refusal);
    let facts = concerns(survey).into_iter();
    facts.fold(failure, Failure::fact).fact("nothing was sent")
}

/// Returns what is confirmed: the whole batch, and why its guards apply.
fn concerns(survey: &Survey) -> Vec<String> {
    let facts = facts(survey).into_iter();
    let facts = facts.map(|(name, value)| format!("{name}: {}", sanitise(&value)));
    let reasons = survey.needed.values().filter_map(confirm::reason);
    facts.chain(reasons).collect()
}

/// Writes what was asked for about the batch, and returns how it ended.
fn finish(
    args: &BatchArgs,
    summary: &Summary,
    wanted: &Wanted<'_>,
    result: Result<Exit>,
    cx: &Context,
) -> Result<Exit> {
    let shown = result.as_ref().map(|exit| *exit);
    let exit = shown.unwrap_or_else(|failure| failure.exit);
    let has_run = summary.elapsed > Duration::ZERO && exit != Exit::Guard;
    let is_meta_shown = wanted.meta.is_some_and(|file| file == "-");
    if has_run && !args.options.output.silent && !is_meta_shown {
        cx.notes(&summary.text());
    }
    let mut written = Ok(());
    for file in [args.run.summary.as_deref(), wanted.meta]
        .into_iter()
        .flatten()
    {
        let object = summary.object(exit, shown.err());
        written = written.and(report::write_meta(file, object, cx));
    }
    if let Some(file) = &wanted.report {
        let report = junit::batch(summary, shown);
        written = written.and(report::write_file(file, &report));
    }
    match (result, written) {
        (Ok(Exit::Ok), Err(failure)) => Err(failure),
        (result, Err(failure)) if has_run => {
            cx.fail(&failure);
            result
        }
        (result, _) => result,
    }
}
