//! Runs a plan: from [`Plan`] to an exit code.
//!
//! [`run`] starts a [`session`] (token, client) and opens one exchange: an attempt, retries, a new
//! token after a 401, redirects. [`response`] reads it, judges it and delivers it. Paging
//! ([`pages`]) and waiting ([`until`]) are loops over the same two steps. [`report`] writes what
//! was asked for about the call when it has ended.

pub(crate) mod context;
pub(crate) mod oauth;
pub(crate) mod pages;
pub(crate) mod report;
pub(crate) mod response;
pub(crate) mod resume;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod token_guard;
pub(crate) mod until;

pub(crate) use self::context::{Context, print};
use self::pages::Pages;
use self::resume::Resumed;
use self::session::{Purpose, Session};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Plan;
use crate::plan::continuation::Continuation;

/// Sends a planned call and passes its response on.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its response from being written.
pub(crate) async fn run(planned: Plan<'_>, cx: &Context, record: &mut Record) -> Result<Exit> {
    let Plan {
        request,
        profile,
        options,
        connection,
        limits,
        policy,
        reading,
        classified,
        continuation,
        known,
        ..
    } = planned;
    let purpose = Purpose {
        profile,
        options,
        connection,
        limits,
        policy,
        class: classified.class,
        permissions: classified
            .endpoint
            .map(|endpoint| endpoint.permissions)
            .unwrap_or_default(),
        known,
    };
    let resumed = match &continuation {
        Continuation::Pages(_) => Resumed::open(options, profile, &request, &reading)?,
        Continuation::No | Continuation::Until(_) => Resumed::default(),
    };
    if resumed.progress.finished {
        return pages::nothing_left(&resumed, cx);
    }
    let mut session = Session::start(purpose, &request, record, cx).await?;
    match continuation {
        Continuation::No => {
            let exchange = session.open(request, record).await?;
            response::pass_on(exchange, &reading, &session, record, cx).await
        }
        Continuation::Pages(recipe) => {
            let pages = Pages::new(request, recipe, &reading, resumed, cx);
            pages.run(&mut session, record).await
        }
        Continuation::Until(until) => {
            until::run(&mut session, &request, &until, &reading, record, cx).await
        }
    }
}
