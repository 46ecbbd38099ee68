//! The command, run as a user runs it: against real servers over real HTTP and TLS.

#[cfg(test)]
mod support;

#[cfg(test)]
mod batch;
#[cfg(test)]
mod batch_journal;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod completion;
#[cfg(test)]
mod connections;
#[cfg(test)]
#[cfg(unix)]
mod curl;
#[cfg(test)]
#[cfg(unix)]
mod curl_real;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod editing;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod files;
mod first_contact;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod items;
#[cfg(test)]
mod limits;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod lines;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod output;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod profiles;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod prompts;
#[cfg(test)]
mod report;
#[cfg(test)]
mod request;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod timing;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod trust;
