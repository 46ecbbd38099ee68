//! A guard's question, its refusal, and the prompt.

use std::io::{BufRead, Write};

use crate::catalogue::{Class, Classified};
use crate::console::stdout::note;
use crate::engine::Context;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::plan::guard::{self, Decision, Needed};
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
            let mut failure = guard::refused(&needed, refusal);
            failure.facts.insert(0, what(request, path, classified));
            Err(failure.fact("nothing was sent"))
        }
        Decision::Unknown(why) => Err(guard::unknown(&why).fact(what(request, path, classified))),
        Decision::Ask(needed) => {
            debug_assert_ne!(needed.guard, Guard::None);
            let mut lines = vec![
                format!("{} {}", request.method, sanitise(path)),
                format!("class: {}", with_cost(classified, request)),
            ];
            lines.extend(reason(&needed));
            ask(profile, lines, &needed.owner, |reply| reply == needed.owner)
        }
    }
}

fn what(request: &Request, path: &str, classified: &Classified) -> String {
    format!(
        "{} {} is {}",
        request.method,
        sanitise(path),
        match classified.class {
            Class::Billable => with_cost(classified, request),
            class => class.description().to_owned(),
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

/// Returns why a guard applies, when the call is made with another profile.
pub(super) fn reason(needed: &Needed) -> Option<String> {
    (!needed.reason.is_empty()).then(|| {
        format!(
            "guarded by profile {}: {}",
            sanitise(&needed.owner),
            sanitise(&needed.reason)
        )
    })
}

/// Shows what would be sent with a profile, and asks for a name before it is. The lines are
/// sanitised: what is from a file or a server could rewrite them.
///
/// # Errors
/// Fails (exit 9) unless the reply is the name.
pub(super) fn ask(
    profile: &Profile,
    lines: Vec<String>,
    name: &str,
    is_name: impl FnOnce(&str) -> bool,
) -> Result<()> {
    let (host, shown) = (profile.base.value.host_label(), sanitise(name));
    let mut question = format!("profile {} at {}", sanitise(&profile.name), sanitise(&host));
    for line in lines {
        question.push_str("\n  ");
        question.push_str(&line);
    }
    question.push_str(&format!("\n  Type \"{shown}\" to send it: "));
    match reply(&question) {
        Some(reply) if is_name(&reply) => Ok(()),
        _ => Err(Failure::new(
            Exit::Guard,
            format!("not confirmed: the name was not {shown}"),
        )
        .fact("nothing was sent")),
    }
}

/// Asks on standard error and reads a line; an end of input is not a reply. What was given before the
/// question was seen is discarded: it was meant for something else.
fn reply(question: &str) -> Option<String> {
    discard_type_ahead();
    let mut stderr = std::io::stderr();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .ok()?;
    let mut reply = String::new();
    let read = std::io::stdin().lock().read_line(&mut reply).ok()?;
    if read == 0 {
        note("");
        return None;
    }
    Some(reply.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(unix)]
fn discard_type_ahead() {
    // Without a terminal nothing is asked, so there is nothing to do where this fails.
    let _not_a_terminal =
        rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn discard_type_ahead() {}
