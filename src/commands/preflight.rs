//! `rein call NAME --preflight`: compares the permissions that the endpoint needs with the user's.

use crate::catalogue::Endpoint;
use crate::catalogue::permissions::{Held, held};
use crate::cli::CallArgs;
use crate::cli::items::Item;
use crate::commands::choose;
use crate::commands::probe::{self, Trace, User};
use crate::engine::{Context, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::profile::resolve;
use crate::text::terminal::sanitise;

/// Compares, without making the call.
///
/// # Errors
/// Fails with the call's own code for a missing permission (4), and as a read does otherwise.
pub(crate) fn run(endpoint: &Endpoint, args: &CallArgs, cx: &Context) -> Result<Exit> {
    let options = &args.options;
    let choice = choose::choice(&options.profile);
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let mut profile = resolve::resolve(&choice, &cx.env)?;
        let _tenant = choose::start_demo(&mut profile).await?;
        let probe = probe::ask(&profile, &options.connection, &mut Trace::default(), cx).await?;
        Ok::<_, Failure>((profile, probe.user))
    });
    runtime.shutdown_background();
    let (profile, user) = result?;
    let mut items = args
        .items
        .iter()
        .rev()
        .filter_map(|word| Item::parse(word).ok());
    let named = items
        .find(|item| item.key == "project")
        .map(|item| item.value);
    let project = named
        .or_else(|| {
            profile
                .project
                .as_ref()
                .map(|setting| setting.value.clone())
        })
        .unwrap_or_default();
    let (text, missing) = compared(endpoint, &user, &project);
    print(&text)?;
    if missing.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Exit::Caller,
        format!("missing for {}: {}", endpoint.name, missing.join(", ")),
    )
    .fact(format!(
        "token: {} (profile {})",
        profile.token.describe(),
        profile.name
    ))
    .fact("the call was not sent"))
}

/// Compares what an endpoint needs with what a user may do; returns a page, and what is missing.
fn compared(endpoint: &Endpoint, user: &User, project: &str) -> (String, Vec<&'static str>) {
    let (of_project, of_tenant) = (user.of_project(project), user.of_tenant());
    let mut missing = Vec::new();
    let mut text = format!(
        "{} on project {} as {}\n",
        endpoint.name,
        sanitise(project),
        sanitise(&user.username)
    );
    for &permission in endpoint.permissions {
        let word = match held(permission, &of_project, &of_tenant) {
            Held::Yes => "ok",
            Held::No => {
                missing.push(permission);
                "missing"
            }
            Held::Unknown => "unknown",
        };
        text.push_str(&format!("  {word:<8} {permission}\n"));
    }
    if endpoint.permissions.is_empty() {
        text.push_str("  what it needs is not documented\n");
    }
    (text, missing)
}
