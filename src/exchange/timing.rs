//! When each phase of a call began and ended, marked by the resolver, the connector and the
//! TLS session store that the HTTP client is given.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The moments of one attempt, as time since its start. A phase that did not happen is `None`: a
/// host that is an address has no lookup, a connection that is used again none of the first three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timings {
    /// The name lookup ended.
    pub(crate) lookup: Option<Duration>,
    /// The TCP connection stood (with a proxy: the tunnel).
    pub(crate) connect: Option<Duration>,
    /// The TLS handshake was done.
    pub(crate) tls: Option<Duration>,
    /// The header block of the response was there.
    pub(crate) first_byte: Option<Duration>,
    /// The last byte was there, or the call had failed.
    pub(crate) total: Duration,
}

/// A part of a call, for saying where it stood when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Looking up the host's name.
    Lookup,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Waiting for the header block of the response.
    FirstByte,
    /// Receiving the body.
    Transfer,
}

impl Phase {
    /// Returns the words that complete "timed out while ...".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Phase::Lookup => "looking up the name",
            Phase::Connect => "connecting",
            Phase::Tls => "in the TLS handshake",
            Phase::FirstByte => "waiting for the response",
            Phase::Transfer => "receiving the body",
        }
    }
}

/// The marks of the attempt that is under way, shared with the client's hooks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(Arc<Mutex<Moments>>);

#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    start: Option<Instant>,
    lookup_started: bool,
    lookup: Option<Instant>,
    connecting: bool,
    tls_started: Option<Instant>,
    connected: Option<Instant>,
    first_byte: Option<Instant>,
}

impl Marks {
    /// Begins an attempt: forgets everything of the one before.
    pub(crate) fn begin(&self) {
        self.change(|moments| {
            *moments = Moments {
                start: Some(Instant::now()),
                ..Moments::default()
            }
        });
    }

    /// Marks that a name lookup began.
    pub(crate) fn lookup_begins(&self) {
        self.change(|moments| moments.lookup_started = true);
    }

    /// Marks that the lookup ended.
    pub(crate) fn lookup_ends(&self) {
        self.change(|moments| moments.lookup = Some(Instant::now()));
    }

    /// Marks that a connection is being made.
    pub(crate) fn connect_begins(&self) {
        self.change(|moments| moments.connecting = true);
    }

    /// Marks that the TLS handshake with the target began.
    pub(crate) fn tls_begins(&self) {
        self.change(|moments| {
            moments.tls_started.get_or_insert_with(Instant::now);
        });
    }

    /// Marks that the connection is made, TLS included.
    pub(crate) fn connect_ends(&self) {
        self.change(|moments| moments.connected = Some(Instant::now()));
    }

    /// Marks that the header block of the response is there.
    pub(crate) fn first_byte(&self) {
        self.change(|moments| moments.first_byte = Some(Instant::now()));
    }

    /// Returns the phase that the attempt is in.
    pub(crate) fn phase(&self) -> Phase {
        let moments = self.read();
        if moments.first_byte.is_some() {
            Phase::Transfer
        } else if moments.connected.is_some() || !moments.connecting {
            Phase::FirstByte
        } else if moments.tls_started.is_some() {
            Phase::Tls
        } else if moments.lookup_started && moments.lookup.is_none() {
            Phase::Lookup
        } else {
            Phase::Connect
        }
    }

    /// Returns what has been measured until now.
    pub(crate) fn timings(&self) -> Timings {
        let moments = self.read();
        let Some(start) = moments.start else {
            return Timings::default();
        };
        let since =
            |moment: Option<Instant>| moment.map(|moment| moment.saturating_duration_since(start));
        Timings {
            lookup: since(moments.lookup),
            connect: since(moments.tls_started.or(moments.connected)),
            tls: moments.tls_started.and(since(moments.connected)),
            first_byte: since(moments.first_byte),
            total: start.elapsed(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Moments)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> Moments {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_follows_the_marks() {
        let marks = Marks::default();
        marks.begin();
        marks.connect_begins();
        assert_eq!(marks.phase(), Phase::Connect);
        marks.lookup_begins();
        assert_eq!(marks.phase(), Phase::Lookup);
        marks.lookup_ends();
        assert_eq!(marks.phase(), Phase::Connect);
        marks.tls_begins();
        assert_eq!(marks.phase(), Phase::Tls);
        marks.connect_ends();
        assert_eq!(marks.phase(), Phase::FirstByte);
        marks.first_byte();
        assert_eq!(marks.phase(), Phase::Transfer);
    }

    #[test]
    fn phases_that_did_not_happen_are_absent() {
        let marks = Marks::default();
        marks.begin();
        marks.connect_begins();
        marks.connect_ends();
        let timings = marks.timings();
        assert_eq!(
            (timings.lookup, timings.tls, timings.first_byte),
            (None, None, None)
        );
        assert!(timings.connect.is_some());
    }
}
