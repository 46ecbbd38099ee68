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
use self::session::{NotStarted, Session};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::record::{Attempts, Received, Record};
use crate::plan::call::Plan;
use crate::plan::continuation::Continuation;

/// A call that has ended.
pub(crate) struct CallEnd {
    /// What is known about it.
    pub(crate) record: Record,
    /// How it ended: with an exit code, or with everything that keeps a call from being sent or its
    /// response from being written.
    pub(crate) outcome: Result<Exit>,
}

impl CallEnd {
    /// Ends a call without a response that counts.
    pub(crate) fn without_response(attempts: Attempts, outcome: Result<Exit>) -> CallEnd {
        let received = Received::default();
        CallEnd {
            record: Record { attempts, received },
            outcome,
        }
    }
}

/// Sends a planned call and passes its response on.
pub(crate) async fn run(plan: Plan<'_>, cx: &Context) -> CallEnd {
    let unsent = |outcome| {
        let attempts = plan.sending.attempts(&plan.request);
        CallEnd::without_response(attempts, outcome)
    };
    let resumed = match Resumed::open(&plan) {
        Ok(resumed) => resumed,
        Err(failure) => return unsent(Err(failure)),
    };
    if resumed.progress.finished {
        return unsent(Ok(pages::nothing_left(&resumed, cx)));
    }
    let Plan {
        request,
        sending,
        reading,
        delivery,
        continuation,
        ..
    } = plan;
    let mut session = match Session::start(sending, delivery, &request, cx).await {
        Ok(session) => session,
        Err(NotStarted { attempts, failure }) => {
            return CallEnd::without_response(*attempts, Err(failure));
        }
    };
    match continuation {
        Continuation::No => match session.open(request).await {
            Ok(exchange) => response::deliver(exchange, &reading, &session, cx).await,
            Err(failure) => CallEnd::without_response(session.attempts().clone(), Err(failure)),
        },
        Continuation::Pages(wanted) => {
            let pages = Pages::new(request, wanted, &reading, resumed, cx);
            pages.run(&mut session).await
        }
        Continuation::Until(until) => {
            until::run(&mut session, &request, &until, &reading, cx).await
        }
    }
}
