//! The command, run as a user runs it: against real servers over real HTTP and TLS.

mod support;

mod exit_codes;
mod oauth;
mod output;
mod profiles;
mod request;
mod secrets;
mod tenant;
mod transport;
