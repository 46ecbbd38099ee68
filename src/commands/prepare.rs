//! From what was given on the command line to the plan of a call, for one profile or for several.

use std::ffi::OsString;

use clap::ArgMatches;

use crate::catalogue::{self, Endpoint, Kind};
use crate::cli::options::{self, CallOptions, DataKind};
use crate::commands::confirm;
use crate::engine::{Context, token_guard};
use crate::error::{Failure, Result};
use crate::input;
use crate::output::record::Attempts;
use crate::plan::call::Plan;
pub(crate) use crate::plan::callee::Callee;
use crate::plan::guard::Decision;
use crate::plan::target::Filled;
use crate::plan::{Draft, preview, words};
use crate::profile::{Profile, file};

impl<'a> Callee<'a> {
    /// Reads the words of a raw call.
    ///
    /// # Errors
    /// Fails (exit 2) when there is no target, or a word is none.
    pub(crate) fn raw(words: &'a [OsString]) -> Result<Self> {
        words::split(words, crate::cli::subcommand_names).map(Callee::Raw)
    }

    /// Reads `call NAME ITEM...` or the words of a raw call, and returns the items beside it.
    ///
    /// # Errors
    /// Fails (exit 2) when there is no name or target, or nothing has the name.
    pub(crate) fn read(
        words: &'a [OsString],
        templates: &[OsString],
        options: &CallOptions,
        cx: &Context,
    ) -> Result<(Self, &'a [OsString])> {
        match words {
            [call, name, items @ ..] if call == "call" => {
                let name = name.to_string_lossy();
                Ok((Callee::named(&name, templates, options, cx)?, items))
            }
            [call] if call == "call" => Err(Failure::unsent("call needs the name of an endpoint")
                .hint("all names: rein templates")),
            words => {
                let words = words::split(words, crate::cli::subcommand_names)?;
                let items = words.items;
                Ok((Callee::Raw(words), items))
            }
        }
    }

    /// Finds what a name calls: the catalogue comes before a user's own templates.
    ///
    /// # Errors
    /// Fails (exit 2) when nothing has the name, or a file of templates cannot be read.
    pub(crate) fn named(
        name: &str,
        files: &[OsString],
        options: &CallOptions,
        cx: &Context,
    ) -> Result<Self> {
        if let Some(endpoint) = catalogue::by_name(name) {
            file::templates_of(files, &cx.env)?;
            return Ok(Callee::Endpoint(endpoint));
        }
        let own = file::templates(options.profile.config.as_deref(), files, &cx.env)?;
        match own.iter().find(|template| template.name == name) {
            Some(template) => Ok(Callee::Template(Box::new(template.clone()))),
            None => Err(super::templates::unknown(name, &own)),
        }
    }
}

/// A call as it was given: everything but the profile.
pub(crate) struct Given<'a> {
    pub(crate) options: &'a CallOptions,
    pub(crate) callee: Callee<'a>,
    /// The chunks of the body, in the order of the command line.
    data: Vec<(DataKind, OsString)>,
    /// The parts of a form, in the order of the command line; `true` marks `--form-string`.
    form: Vec<(bool, OsString)>,
    items: Vec<OsString>,
    /// Whether no part of the call may come from standard input.
    refuses_stdin: bool,
}

impl<'a> Given<'a> {
    /// Gathers what belongs to a call; `items` are those of a call by name.
    pub(crate) fn new(
        callee: Callee<'a>,
        options: &'a CallOptions,
        items: &[OsString],
        matches: &ArgMatches,
    ) -> Self {
        let items = match &callee {
            Callee::Raw(words) => words.items,
            _ => items,
        };
        let mut given = Given {
            options,
            data: options::data_in_order(matches),
            form: options::form_in_order(matches),
            items: items.to_vec(),
            refuses_stdin: false,
            callee,
        };
        if let Callee::Endpoint(endpoint) = &given.callee {
            given.move_files(endpoint);
        }
        given
    }

    /// Makes `file=@FILE` a form's part where the endpoint takes a file: it need not be text.
    fn move_files(&mut self, endpoint: &Endpoint) {
        let files = endpoint
            .body_fields
            .iter()
            .filter(|field| field.kind == Kind::File);
        let starts: Vec<String> = files.map(|field| format!("{}=@", field.name)).collect();
        let is_file = |item: &OsString| {
            starts
                .iter()
                .any(|start| item.to_string_lossy().starts_with(start))
        };
        let (files, items): (Vec<OsString>, Vec<OsString>) =
            self.items.drain(..).partition(is_file);
        self.items = items;
        self.form
            .extend(files.into_iter().map(|file| (false, file)));
    }

    /// Refuses standard input in the drafts that follow: it can be read for only one profile.
    pub(crate) fn refuse_stdin(&mut self) {
        self.refuses_stdin = true;
    }

    /// Plans the call for a profile, and warns of what in it is in doubt.
    ///
    /// # Errors
    /// Fails (exit 2) on everything that is wrong before sending.
    pub(super) fn prepare<'p>(&self, profile: &'p Profile, cx: &Context) -> Result<Prepared<'p>> {
        let mut draft = self.draft(profile)?;
        draft.doubts.iter().for_each(|doubt| cx.warn(doubt));
        let filled = std::mem::take(&mut draft.filled);
        let plan = self.plan(draft, profile, cx)?;
        Ok(Prepared {
            attempts: plan.sending.attempts(&plan.request),
            filled,
            plan,
        })
    }

    /// Returns the request for a profile; its files and standard input are read for it.
    fn draft(&self, profile: &Profile) -> Result<Draft> {
        let request = &self.options.request;
        let taken = stdin_taken(self.options)? || self.refuses_stdin;
        let input = input::gather(
            request,
            self.data.clone(),
            self.form.clone(),
            &self.items,
            taken,
        )?;
        self.callee.draft(request, input, profile)
    }

    fn plan<'p>(&self, draft: Draft, profile: &'p Profile, cx: &Context) -> Result<Plan<'p>> {
        let template = match &self.callee {
            Callee::Template(template) => Some(&**template),
            Callee::Raw(_) | Callee::Endpoint(_) => None,
        };
        Plan::new(draft.request, profile, self.options, template, &cx.env)
    }
}

/// A call that is planned and has not been sent.
pub(super) struct Prepared<'p> {
    pub(super) plan: Plan<'p>,
    /// What is known of it.
    pub(super) attempts: Attempts,
    filled: Vec<Filled>,
}

impl Prepared<'_> {
    /// Decides whether the guard lets the call pass.
    ///
    /// # Errors
    /// Fails (exit 2) when it would take a token to a place that it is not for, and when the guard
    /// would let it pass but its path or token must not be sent.
    pub(super) fn decide(&self, confirmed: Option<&str>, cx: &Context) -> Result<Decision> {
        let Plan {
            request,
            sending,
            judgement,
            path,
            ..
        } = &self.plan;
        token_guard::refuse(request, &sending.known)?;
        token_guard::refuse_in_proxy(sending.connection.proxy.as_ref(), &sending.known)?;
        let decision = confirm::decide(judgement, confirmed, cx);
        // A guard's refusal says more than the token's.
        if matches!(decision, Decision::Allow | Decision::Ask(_)) {
            judgement.check_token()?;
            path.clone()?;
        }
        Ok(decision)
    }

    /// Returns what `--dry-run` shows of it.
    pub(super) fn preview(&self, decision: &Decision) -> String {
        let shown = preview::dry_run(&preview::Look {
            request: &self.plan.request,
            filled: &self.filled,
            classified: &self.plan.classified,
            profile: self.plan.sending.profile,
            decision,
            proxy: self.plan.sending.connection.proxy.as_ref(),
        });
        self.attempts.redactor.clean(&shown)
    }

    /// Lets the call pass its guard, asking where that is needed.
    ///
    /// # Errors
    /// Fails (exit 9) when the guard refuses it.
    pub(super) fn pass(&self, decision: Decision) -> Result<()> {
        let (plan, path) = (&self.plan, self.attempts.path());
        let profile = plan.sending.profile;
        confirm::pass(decision, &plan.request, &path, &plan.classified, profile)
    }
}

/// Returns whether the token or the format of `-w` is read from standard input.
///
/// # Errors
/// Fails (exit 2) when both are.
pub(crate) fn stdin_taken(options: &CallOptions) -> Result<bool> {
    let token_file = options.profile.token_file.as_deref();
    input::stdin_taken(token_file, options.output.write_out.as_deref())
}
