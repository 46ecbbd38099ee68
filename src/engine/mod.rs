//! Runs a plan: from [`Plan`] to an exit code.
//!
//! [`run`] starts a [`session`] (token, client) and opens one exchange: an attempt, retries, a new
//! token after a 401, redirects. [`response`] reads it, judges it and delivers it. Paging
//! ([`pages`]) and waiting ([`until`]) are loops over the same two steps. [`report`] writes what
//! was asked for about the call when it has ended.

pub(crate) mod batch;
pub(crate) mod context;
pub(crate) mod diff;
pub(crate) mod fetch;
pub(crate) mod limiter;
pub(crate) mod oauth;
pub(crate) mod pages;
pub(crate) mod report;
pub(crate) mod response;
pub(crate) mod resume;
pub(crate) mod session;
pub(crate) mod timing;
pub(crate) mod token;
pub(crate) mod token_guard;
pub(crate) mod until;

#[cfg(test)]
mod tests;

pub(crate) use self::context::{Context, print};
use self::pages::Pages;
use self::resume::Resumed;
use self::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Plan;
use crate::plan::continuation::Continuation;

/// Sends a planned call and passes its response on.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its response from being written.
pub(crate) async fn run(plan: Plan<'_>, cx: &Context, record: &mut Record) -> Result<Exit> {
    let resumed = Resumed::open(&plan)?;
    if resumed.progress.finished {
        return pages::nothing_left(&resumed, cx);
    }
    let Plan {
        request,
        sending,
        reading,
        delivery,
        continuation,
        ..
    } = plan;
    let mut session = Session::start(sending, delivery, &request, record, cx).await?;
    match continuation {
        Continuation::No => {
            let exchange = session.open(request, record).await?;
            response::deliver(exchange, &reading, &session, record, cx).await
        }
        Continuation::Pages(wanted) => {
            let pages = Pages::new(request, wanted, &reading, resumed, cx);
            pages.run(&mut session, record).await
        }
        Continuation::Until(until) => {
            until::run(&mut session, &request, &until, &reading, record, cx).await
        }
    }
}
