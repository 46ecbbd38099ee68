//! What the certificates that a server showed are worth: each one's dates, and which one is to
//! blame when they were not accepted.

use std::time::Duration;

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::exchange::failure::CertificateFault;
use crate::exchange::recording_verifier::Shown;

/// A certificate that ends sooner than this is worth a word.
const SOON: Duration = Duration::from_secs(30 * DAY);

const DAY: u64 = 24 * 3600;

/// One certificate of the chain. Its texts are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whose it is: its common name, else the whole name.
    pub(crate) subject: String,
    /// Who signed it.
    pub(crate) issuer: String,
    /// The seconds since 1970 from and until which it is valid.
    pub(crate) valid: (u64, u64),
    /// Its state.
    pub(crate) state: State,
}

/// The state of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Valid for this many days.
    Valid(u64),
    /// Valid, but only for this many days, fewer than thirty.
    EndsSoon(u64),
    /// Ended this many days ago.
    Ended(u64),
    /// Begins in this many days.
    NotBegun(u64),
    /// The one that nobody who is trusted here vouches for; whether it signed itself.
    Untrusted { by_itself: bool },
    /// The server's own, and for these names only.
    WrongName(Vec<String>),
    /// Not accepted for another reason.
    Refused(&'static str),
}

/// Judges the certificates, in the order in which the server sent them.
pub(crate) fn judge(shown: &Shown, now: Duration) -> Vec<Finding> {
    let parsed: Vec<Option<Certificate>> = shown
        .certificates
        .iter()
        .map(|der| Certificate::from_der(der).ok())
        .collect();
    let blamed = shown.fault.map(|fault| (blamed(fault, &parsed), fault));
    parsed
        .iter()
        .enumerate()
        .map(|(place, certificate)| {
            let fault = blamed.filter(|(blamed, _)| *blamed == place);
            finding(certificate.as_ref(), fault.map(|(_, fault)| fault), now)
        })
        .collect()
}

/// Returns the place of the certificate that a fault is about, where dates do not tell.
fn blamed(fault: CertificateFault, chain: &[Option<Certificate>]) -> usize {
    if fault != CertificateFault::UnknownIssuer {
        return 0;
    }
    // The issuer that is looked for in vain is that of the last one that can be reached.
    let mut reached = vec![0];
    while let Some(last) = reached.last().and_then(|place| chain.get(*place)?.as_ref()) {
        let issuer = chain.iter().enumerate().position(|(place, other)| {
            let is_issuer = other
                .as_ref()
                .is_some_and(|other| other.tbs_certificate.subject == last.tbs_certificate.issuer);
            is_issuer && !reached.contains(&place)
        });
        match issuer {
            Some(place) => reached.push(place),
            None => break,
        }
    }
    reached.last().copied().unwrap_or(0)
}

fn finding(
    certificate: Option<&Certificate>,
    fault: Option<CertificateFault>,
    now: Duration,
) -> Finding {
    let Some(certificate) = certificate else {
        return Finding {
            subject: "(unreadable)".to_owned(),
            issuer: "(unreadable)".to_owned(),
            valid: (0, 0),
            state: State::Refused("it cannot be read"),
        };
    };
    let body = &certificate.tbs_certificate;
    let (begin, end) = (
        body.validity.not_before.to_unix_duration(),
        body.validity.not_after.to_unix_duration(),
    );
    let state = if end < now {
        State::Ended((now - end).as_secs() / DAY)
    } else if begin > now {
        State::NotBegun((begin - now).as_secs() / DAY)
    } else {
        match fault {
            // The dates are another one's fault, or none by this clock.
            None | Some(CertificateFault::Expired | CertificateFault::NotValidYet) => {
                let left = end - now;
                let days = left.as_secs() / DAY;
                if left < SOON {
                    State::EndsSoon(days)
                } else {
                    State::Valid(days)
                }
            }
            Some(CertificateFault::UnknownIssuer) => State::Untrusted {
                by_itself: body.subject == body.issuer,
            },
            Some(CertificateFault::WrongName) => State::WrongName(names(certificate)),
            Some(other) => State::Refused(other.words()),
        }
    };
    Finding {
        subject: short(&body.subject),
        issuer: short(&body.issuer),
        valid: (begin.as_secs(), end.as_secs()),
        state,
    }
}

/// Returns the common name, else the whole name.
fn short(name: &Name) -> String {
    let parts = name.0.iter().flat_map(|part| part.0.iter());
    let common = parts
        .map(ToString::to_string)
        .find_map(|part| part.strip_prefix("CN=").map(str::to_owned));
    common.unwrap_or_else(|| match name.to_string() {
        empty if empty.is_empty() => "(no name)".to_owned(),
        whole => whole,
    })
}

/// Returns the names that a certificate is for.
fn names(certificate: &Certificate) -> Vec<String> {
    let names = certificate.tbs_certificate.get::<SubjectAltName>();
    let Ok(Some((_, names))) = names else {
        return Vec::new();
    };
    names
        .0
        .iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string()),
            GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(sixteen).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    const DATED: u64 = 1_700_000_000;

    fn params(name: &str, days: u64) -> CertificateParams {
        let mut params = CertificateParams::new(["h.example".to_owned(), "127.0.0.1".to_owned()])
            .expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let at = |seconds: u64| std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        params.not_before = at(DATED).into();
        params.not_after = at(DATED + days * DAY).into();
        params
    }

    /// A server's certificate, the one that signed it, and its root.
    fn chain(leaf_days: u64, middle_days: u64) -> [Vec<u8>; 3] {
        let authority = |name: &str, days| {
            let mut params = params(name, days);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let key = || KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(authority("root", 4000), key()).expect("a root");
        let middle = CertifiedIssuer::signed_by(authority("middle", middle_days), key(), &root)
            .expect("a middle");
        let leaf = params("leaf", leaf_days)
            .signed_by(&key(), &middle)
            .expect("a leaf");
        [
            leaf.der().to_vec(),
            middle.der().to_vec(),
            root.der().to_vec(),
        ]
    }

    fn judged(certificates: &[Vec<u8>], fault: Option<CertificateFault>) -> Vec<(String, State)> {
        let shown = Shown {
            certificates: certificates.to_vec(),
            fault,
        };
        let now = Duration::from_secs(DATED + 100 * DAY);
        judge(&shown, now)
            .into_iter()
            .map(|finding| {
                (
                    format!("{}<{}", finding.subject, finding.issuer),
                    finding.state,
                )
            })
            .collect()
    }

    #[test]
    fn each_certificate_is_told_by_its_dates() {
        let found = judged(&chain(400, 129), None);
        let expected = [
            ("leaf<middle", State::Valid(300)),
            ("middle<root", State::EndsSoon(29)),
            ("root<root", State::Valid(3900)),
        ];
        assert_eq!(
            found,
            expected.map(|(name, state)| (name.to_owned(), state))
        );
        let found = judged(&chain(400, 97), Some(CertificateFault::Expired));
        assert_eq!(found[0].1, State::Valid(300));
        assert_eq!(found[1].1, State::Ended(3));
    }

    #[test]
    fn the_one_to_blame_is_found() {
        let [leaf, middle, root] = chain(400, 400);
        let unknown = Some(CertificateFault::UnknownIssuer);
        let untrusted = |by_itself| State::Untrusted { by_itself };
        let all = [leaf.clone(), middle.clone(), root.clone()];
        assert_eq!(judged(&all, unknown)[2].1, untrusted(true));
        assert_eq!(judged(&all, unknown)[0].1, State::Valid(300));
        // Sent in another order, and without the root.
        let found = judged(&[leaf.clone(), root, middle.clone()], unknown);
        assert_eq!(found[1].1, untrusted(true));
        assert_eq!(
            judged(&[leaf.clone(), middle.clone()], unknown)[1].1,
            untrusted(false)
        );
        // A server that forgot the middle one.
        assert_eq!(
            judged(std::slice::from_ref(&leaf), unknown)[0].1,
            untrusted(false)
        );
        let names = ["h.example", "127.0.0.1"].map(str::to_owned).to_vec();
        assert_eq!(
            judged(&[leaf, middle], Some(CertificateFault::WrongName))[0].1,
            State::WrongName(names)
        );
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        let found = judged(&[b"junk".to_vec()], Some(CertificateFault::Invalid));
        assert_eq!(found[0].1, State::Refused("it cannot be read"));
        assert!(judged(&[], Some(CertificateFault::NoneShown)).is_empty());
    }
}
