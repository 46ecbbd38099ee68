//! The exit-code table: transport failures have curl's numbers, HTTP classes HTTPie's.

use std::process::ExitCode;

/// What the process ends with. A number keeps its meaning between releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// The platform did what was asked.
    Ok = 0,
    /// A failure on this machine that no other code names.
    Local = 1,
    /// Usage, configuration or credential: nothing was sent.
    Usage = 2,
    /// A redirect was answered and not followed.
    Redirect = 3,
    /// HTTP 4xx: the request was wrong.
    Caller = 4,
    /// HTTP 5xx, or `"status":"error"` under a success code: the platform failed.
    Platform = 5,
    /// The host name could not be looked up.
    Lookup = 6,
    /// No connection could be made.
    Connect = 7,
    /// A success status, but the answer is not Re:infer's.
    NotReinfer = 8,
    /// A guard refused; nothing was sent.
    Guard = 9,
    /// A batch finished and some of its calls failed.
    BatchFailed = 10,
    /// An expectation or a comparison was not met.
    Unmet = 11,
    /// A body cut short, or paging that stopped before the end.
    Incomplete = 18,
    /// Output could not be written.
    Write = 23,
    /// A time limit was reached.
    TimeOut = 28,
    /// The TLS handshake failed.
    Tls = 35,
    /// Too many redirects were followed.
    TooManyRedirects = 47,
    /// The server closed the connection without answering.
    EmptyReply = 52,
    /// The connection broke while the answer was being received.
    Receive = 56,
    /// The server's certificate was not accepted.
    Certificate = 60,
    /// A content coding that is unknown, stacked or broken.
    Coding = 61,
    /// The body is larger than `--max-size`.
    TooLarge = 63,
    /// Ended by SIGHUP: the terminal has gone.
    HungUp = 129,
    /// Ended by SIGINT.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Returns the number that the caller's shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
