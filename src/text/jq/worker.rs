//! The thread that a filter runs on.
//!
//! A filter can call itself without end, make values without end, or compute for ever. On a thread
//! of its own it has a large stack, and whoever waits for it can stop waiting: the thread is then
//! left where it is until the process ends.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jaq_core::{Ctx, Exn, Vars};

use super::builtins::Data;
use super::compile::{self, Problem};
use super::limits::{self, Limit};
use super::read::{self, Unreadable};
use super::value::{Map, Value};
use super::{Output, Var, write};

/// How many results may wait to be taken.
const MAX_WAITING: usize = 256;

/// Why there is no filter.
pub(super) enum Unusable {
    NotJq(Problem),
    /// The value of this `--argjson` is not JSON.
    Variable(String),
    NoThread(io::Error),
}

/// How a run ended.
pub(super) enum Outcome {
    Done,
    /// By `halt`.
    Halted,
    Failed(String),
    NotJson,
    TooDeep,
    Stopped(Limit),
    TimeIsUp,
}

enum Event {
    Result(Output),
    End(Outcome),
}

struct Job {
    body: Vec<u8>,
    events: SyncSender<Event>,
}

/// A filter on its thread.
pub(super) struct Worker {
    jobs: Sender<Job>,
    cancelled: Arc<AtomicBool>,
    deadline: OnceLock<Instant>,
    /// The limit that ended the thread.
    stopped: OnceLock<Limit>,
}

impl Worker {
    /// Starts the thread and compiles the filter there.
    pub(super) fn start(code: &str, vars: &[Var]) -> Result<Worker, Unusable> {
        let (code, vars) = (code.to_owned(), vars.to_vec());
        let (jobs, job_queue) = mpsc::channel();
        let (compiled, is_compiled) = mpsc::sync_channel(1);
        let cancelled = Arc::new(AtomicBool::new(false));
        let is_cancelled = Arc::clone(&cancelled);
        std::thread::Builder::new()
            .name("filter".to_owned())
            .stack_size(limits::STACK_SIZE)
            .spawn(move || match prepare(&code, &vars) {
                Ok(filter) => {
                    if compiled.send(Ok(())).is_ok() {
                        serve(&filter, &job_queue, is_cancelled);
                    }
                }
                Err(unusable) => {
                    let _nobody_waits = compiled.send(Err(unusable));
                }
            })
            .map_err(Unusable::NoThread)?;
        match is_compiled.recv() {
            Ok(result) => result?,
            Err(_) => {
                return Err(Unusable::NotJq(Problem {
                    at: 0,
                    what: "it cannot be compiled".to_owned(),
                }));
            }
        }
        Ok(Worker {
            jobs,
            cancelled,
            deadline: OnceLock::new(),
            stopped: OnceLock::new(),
        })
    }

    /// Sets when every run ends at the latest; the first time that is set counts.
    pub(super) fn end_after(&self, time: Duration) {
        if let Some(deadline) = Instant::now().checked_add(time) {
            let _first = self.deadline.set(deadline);
        }
    }

    /// Runs the filter on a body.
    ///
    /// # Errors
    /// Fails as `take` does.
    pub(super) fn run<E>(
        &self,
        body: Vec<u8>,
        take: &mut dyn FnMut(Output) -> Result<(), E>,
    ) -> Result<Outcome, E> {
        if let Some(limit) = self.stopped.get() {
            return Ok(Outcome::Stopped(*limit));
        }
        let (events, queue) = mpsc::sync_channel(MAX_WAITING);
        if self.jobs.send(Job { body, events }).is_err() {
            return Ok(Outcome::TimeIsUp);
        }
        let mut waiting = None;
        loop {
            let event = match waiting.take() {
                Some(event) => Ok(event),
                None => self.next_event(&queue),
            };
            match event {
                Ok(Event::Result(mut output)) => {
                    waiting = queue.try_recv().ok();
                    output.is_awaited = waiting.is_none();
                    take(output)?;
                }
                Ok(Event::End(outcome)) => {
                    if let Outcome::Stopped(limit) = &outcome {
                        let _first = self.stopped.set(*limit);
                    }
                    return Ok(outcome);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.cancelled.store(true, Ordering::Relaxed);
                    return Ok(Outcome::TimeIsUp);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Outcome::Failed("the filter ended unexpectedly".to_owned()));
                }
            }
        }
    }

    fn next_event(&self, queue: &Receiver<Event>) -> Result<Event, RecvTimeoutError> {
        match self.deadline.get() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(RecvTimeoutError::Timeout);
                }
                queue.recv_timeout(left)
            }
        }
    }
}

struct Prepared {
    filter: jaq_core::Filter<Data>,
    values: Vec<Value>,
}

fn prepare(code: &str, vars: &[Var]) -> Result<Prepared, Unusable> {
    // The environment is empty: filters are pasted from anywhere, and it holds tokens.
    let mut names = vec!["$ENV".to_owned()];
    let mut values = vec![Value::object(Map::default())];
    for var in vars {
        let (name, value) = match var {
            Var::Text(name, text) => (name, Value::text(text.as_str())),
            Var::Json(name, json) => {
                let value = read::one(json.as_bytes());
                (name, value.map_err(|_| Unusable::Variable(name.clone()))?)
            }
        };
        names.push(format!("${name}"));
        values.push(value);
    }
    let filter = compile::filter(code, &names).map_err(Unusable::NotJq)?;
    Ok(Prepared { filter, values })
}

/// Runs jobs until there can be no more.
fn serve(prepared: &Prepared, jobs: &Receiver<Job>, cancelled: Arc<AtomicBool>) {
    let current: Rc<RefCell<Option<SyncSender<Event>>>> = Rc::default();
    let for_report = Rc::clone(&current);
    let report = move |limit| {
        if let Some(events) = &*for_report.borrow() {
            let _nobody_waits = events.send(Event::End(Outcome::Stopped(limit)));
        }
    };
    limits::guard_thread(Box::new(report), cancelled);
    for Job { body, events } in jobs {
        current.replace(Some(events.clone()));
        if let Some(outcome) = run(prepared, &body, &events) {
            let _nobody_waits = events.send(Event::End(outcome));
        }
        current.replace(None);
    }
}

/// Runs the filter on a body; `None` when nobody takes the results any more.
fn run(prepared: &Prepared, body: &[u8], events: &SyncSender<Event>) -> Option<Outcome> {
    let mut outcome = Some(Outcome::Done);
    let is_read = read::body(body, &mut |value| {
        outcome = run_on(prepared, value, events);
        matches!(outcome, Some(Outcome::Done))
    });
    match is_read {
        Ok(()) => outcome,
        Err(Unreadable::NotJson(_)) => Some(Outcome::NotJson),
        Err(Unreadable::TooDeep) => Some(Outcome::TooDeep),
    }
}

fn run_on(prepared: &Prepared, value: Value, events: &SyncSender<Event>) -> Option<Outcome> {
    let vars = Vars::new(prepared.values.iter().cloned());
    let context = Ctx::<Data>::new(&prepared.filter.lut, vars);
    for result in prepared.filter.id.run((context, value)) {
        let value = match result {
            Ok(value) => value,
            Err(exception) => return Some(ended(exception)),
        };
        let output = Output {
            json: write::to_string(&value).into_bytes(),
            is_true: value.is_true(),
            is_awaited: true,
        };
        events.send(Event::Result(output)).ok()?;
    }
    Some(Outcome::Done)
}

fn ended(exception: Exn<'_, Value>) -> Outcome {
    match exception.get_halt() {
        Ok(0) => Outcome::Halted,
        Ok(code) => Outcome::Failed(format!("it ended itself with halt({code})")),
        Err(exception) => Outcome::Failed(match exception.get_err() {
            Ok(error) => error.to_string(),
            Err(_) => "break".to_owned(),
        }),
    }
}
