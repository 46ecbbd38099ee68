//! A guard's question, its refusal, and the prompt.

use std::io::{BufRead, Write};

use crate::catalogue::{Class, Classified};
use crate::console::stdout::note;
use crate::engine::Context;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::plan::guard::{self, Decision, Needed, Refusal};
use crate::plan::ownership::Judgement;
use crate::plan::preview;
use crate::profile::{Guard, Profile};
use crate::request::Request;
use crate::text::terminal::sanitise;

/// Decides on a judged call.
pub(crate) fn decide(judgement: &Judgement, confirm: Option<&str>, cx: &Context) -> Decision {
    judgement.decide(confirm, cx.env.stdin_terminal && cx.env.stderr_terminal)
}

/// Lets a call pass, asks, or refuses it.
///
/// # Errors
/// Fails (exit 9) when the call is not to be sent.
pub(crate) fn pass(
    decision: Decision,
    request: &Request,
    path: &str,
    classified: &Classified,
    profile: &Profile,
) -> Result<()> {
    match decision {
        Decision::Allow => Ok(()),
        Decision::Refuse(needed, refusal) => {
            Err(refuse(&needed, refusal, request, path, classified))
        }
        Decision::Unknown(why) => Err(guard::unknown(&why).fact(what(request, path, classified))),
        Decision::Ask(needed) => {
            let question = question(&needed, request, path, classified, profile);
            if ask(&question).as_deref() == Some(needed.owner.as_str()) {
                Ok(())
            } else {
                Err(Failure::new(
                    Exit::Guard,
                    format!(
                        "not confirmed: the name was not {}",
                        sanitise(&needed.owner)
                    ),
                )
                .fact("nothing was sent"))
            }
        }
    }
}

fn refuse(
    needed: &Needed,
    refusal: Refusal,
    request: &Request,
    path: &str,
    classified: &Classified,
) -> Failure {
    let owner = sanitise(&needed.owner).into_owned();
    let failure = Failure::new(
        Exit::Guard,
        format!(
            "refused by the guard of profile {owner} ({})",
            needed.guard.name()
        ),
    )
    .fact(what(request, path, classified));
    let failure = match needed.reason.as_str() {
        "" => failure,
        reason => failure.fact(format!("profile {owner} guards this: {}", sanitise(reason))),
    };
    let failure = failure.fact("nothing was sent");
    match refusal {
        Refusal::ReadOnly => failure
            .hint(format!(
                "profile {owner} is read-only; --confirm cannot override it"
            ))
            .hint(format!(
                "to allow writes, change guard in [profiles.{owner}] of the config file"
            )),
        Refusal::WrongName => failure.hint(format!(
            "--confirm named another profile; it must be --confirm {owner}"
        )),
        Refusal::NotConfirmed => failure.hint(format!("to go ahead: add --confirm {owner}")),
        Refusal::Rewritten => failure.hint("leave the header out"),
    }
}

fn what(request: &Request, path: &str, classified: &Classified) -> String {
    format!(
        "{} {} is {}",
        request.method,
        sanitise(path),
        match classified.class {
            Class::Write => "a write".to_owned(),
            _ => with_cost(classified, request),
        }
    )
}

fn with_cost(classified: &Classified, request: &Request) -> String {
    match classified.class {
        Class::Billable => format!(
            "{}: {}",
            classified.class.name(),
            preview::cost(classified, request)
        ),
        class => class.name().to_owned(),
    }
}

/// The prompt's text: everything from a file or a server cleaned, or it could rewrite the line.
fn question(
    needed: &Needed,
    request: &Request,
    path: &str,
    classified: &Classified,
    profile: &Profile,
) -> String {
    let owner = sanitise(&needed.owner);
    let mut lines = vec![
        format!(
            "profile {} at {}",
            sanitise(&profile.name),
            sanitise(&profile.base.value.host_label())
        ),
        format!("{} {}", request.method, sanitise(path)),
        format!("class: {}", with_cost(classified, request)),
    ];
    if !needed.reason.is_empty() {
        lines.push(format!(
            "guarded by profile {owner}: {}",
            sanitise(&needed.reason)
        ));
    }
    debug_assert_ne!(needed.guard, Guard::None);
    lines.push(format!("Type \"{owner}\" to send it: "));
    lines.join("\n  ")
}

/// Asks on standard error and reads a line; an end of input is no reply. What was given before the
/// question was seen is discarded: it was meant for something else.
pub(super) fn ask(question: &str) -> Option<String> {
    discard_type_ahead();
    let mut stderr = std::io::stderr();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .ok()?;
    let mut response = String::new();
    let read = std::io::stdin().lock().read_line(&mut response).ok()?;
    if read == 0 {
        note("");
        return None;
    }
    Some(response.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(unix)]
fn discard_type_ahead() {
    // Without a terminal nothing is asked, so there is nothing to do where this fails.
    let _not_a_terminal =
        rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn discard_type_ahead() {}
