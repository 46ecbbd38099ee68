//! A guard's question, its refusal, and the prompt.

use std::io::{BufRead, Write};

use crate::catalogue::{Class, Classified};
use crate::commands::Context;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::stdout::note;
use crate::output::terminal::sanitise;
use crate::plan::guard::{self, Decision, Needed, Refusal};
use crate::plan::preview;
use crate::profile::{Guard, Profile};
use crate::request::Request;

/// Decides on a call by its class and every guard that it meets.
pub(crate) fn decide(
    classified: &Classified,
    profile: &Profile,
    confirm: Option<&str>,
    cx: &Context,
) -> Decision {
    let can_ask = cx.env.stdin_terminal && cx.env.stderr_terminal;
    guard::decide(classified, profile, confirm, can_ask)
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
    let failure = if needed.reason.is_empty() {
        failure
    } else {
        failure.fact(format!("{owner}: {}", needed.reason))
    };
    let failure = failure.fact("nothing was sent");
    match refusal {
        Refusal::ReadOnly => {
            failure.hint("this guard yields to no option; another profile without it is needed")
        }
        Refusal::WrongName => failure.hint(format!(
            "--confirm named another profile; it must be --confirm {owner}"
        )),
        Refusal::NotConfirmed => failure.hint(format!("if it is meant: --confirm {owner}")),
    }
}

fn what(request: &Request, path: &str, classified: &Classified) -> String {
    format!(
        "{} {} is {}",
        request.method,
        sanitise(path),
        with_cost(classified, request)
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
    lines.push(format!("Type the name {owner} to send it: "));
    lines.join("\n  ")
}

/// Asks on standard error and reads a line; an end of input is no answer.
fn ask(question: &str) -> Option<String> {
    let mut stderr = std::io::stderr();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .ok()?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
    if read == 0 {
        note("");
        return None;
    }
    Some(answer.trim_end_matches(['\n', '\r']).to_owned())
}
