//! The exit-code table: transport failures have curl's numbers, HTTP classes HTTPie's.

use std::process::ExitCode;

/// What the process ends with. A number keeps its meaning between releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// The platform did what was asked.
    Ok,
    /// A failure on this machine that no other code names.
    Local,
    /// Usage, configuration or credential: nothing was sent.
    Usage,
    /// The server redirected; rein did not follow.
    Redirect,
    /// HTTP 4xx: the request was wrong.
    Caller,
    /// HTTP 5xx, or `"status":"error"` under a success code: the platform failed.
    Platform,
    /// The host name could not be looked up.
    Lookup,
    /// No connection could be made.
    Connect,
    /// A success status, but the response is not from Re:infer.
    NotReinfer,
    /// A guard refused; nothing was sent.
    Guard,
    /// A batch finished and some of its calls failed.
    BatchFailed,
    /// An expectation or a comparison was not met.
    Unmet,
    /// Not now: another run is using the state or journal.
    NotNow,
    /// A body cut short, or paging that stopped before the end.
    Incomplete,
    /// Output could not be written.
    Write,
    /// A time limit was reached.
    TimeOut,
    /// The TLS handshake failed.
    Tls,
    /// Too many redirects were followed.
    TooManyRedirects,
    /// The server closed the connection without answering.
    EmptyReply,
    /// The connection broke while the response was being received.
    Receive,
    /// The server's certificate was not accepted.
    Certificate,
    /// A content coding that is unknown, stacked or broken.
    Coding,
    /// The body is larger than `--max-size`.
    TooLarge,
    /// Ended by SIGHUP: the terminal has gone.
    HungUp,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
    /// What the curl that `rein curl` ran has ended with.
    Curl(u8),
}

impl Exit {
    /// Returns the number that the caller's shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Local => 1,
            Exit::Usage => 2,
            Exit::Redirect => 3,
            Exit::Caller => 4,
            Exit::Platform => 5,
            Exit::Lookup => 6,
            Exit::Connect => 7,
            Exit::NotReinfer => 8,
            Exit::Guard => 9,
            Exit::BatchFailed => 10,
            Exit::Unmet => 11,
            Exit::NotNow => 14,
            Exit::Incomplete => 18,
            Exit::Write => 23,
            Exit::TimeOut => 28,
            Exit::Tls => 35,
            Exit::TooManyRedirects => 47,
            Exit::EmptyReply => 52,
            Exit::Receive => 56,
            Exit::Certificate => 60,
            Exit::Coding => 61,
            Exit::TooLarge => 63,
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
            Exit::Curl(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
