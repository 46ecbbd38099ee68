//! Whether a call may be sent: its class against the guards of every profile that it could touch.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::catalogue::{Class, Classified, Endpoint, without_prefix};
use crate::error::Failure;
use crate::exit::Exit;
use crate::profile::{Guard, Neighbour, Profile};
use crate::request::location::Oddity;
use crate::text::terminal::sanitise;

/// The guard that a call meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needed {
    /// The profile whose name has to be given: the owner of what the call would change.
    pub(crate) owner: String,
    /// Its guard.
    pub(crate) guard: Guard,
    /// Why it applies, when the call was made with another profile.
    pub(crate) reason: String,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is sent.
    Allow,
    /// The owner's name is asked for at the prompt.
    Ask(Needed),
    /// It is not sent.
    Refuse(Needed, Refusal),
    /// It is not sent: which guards it meets is not known, for this reason.
    Unknown(String),
}

/// Why a call is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The guard is `read-only`, which cannot be overridden.
    ReadOnly,
    /// Nobody can be asked and no name was given.
    NotConfirmed,
    /// `--confirm` named another profile.
    WrongName,
    /// A header names another path than the one that was judged, which no name can confirm.
    Rewritten,
}

/// A profile that owns the place of a call, and the readings of the call below its endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concerned<'a> {
    pub(crate) profile: &'a Neighbour,
    pub(crate) readings: &'a [Classified],
}

/// Finds the guard of a call that is more than a read; `None` when nothing guarded is concerned.
///
/// The guard follows the data: a project that a guarded profile owns at the place is guarded from
/// whichever profile the call is made, and so is a path that does not say its project. Where
/// several guards apply the strictest counts; of equally strict ones that of who owns the project,
/// the call's own profile before the others; then the call's own; then the first by name.
pub(crate) fn needed(
    own: Option<(&Profile, &[Classified])>,
    owners: &[Concerned<'_>],
    may_leave: Option<Oddity>,
) -> Option<Needed> {
    find(own, owners, &|readings, project, known| {
        let worst = readings
            .iter()
            .filter_map(|reading| concern(reading, project, known))
            .max_by_key(|(concern, _)| *concern);
        worst.or_else(|| {
            let reason = format!("the path contains {}", may_leave?.description());
            Some((Concern::MayOwn, reason))
        })
    })
}

/// Finds the strictest guard at the place, whatever a call does there.
pub(crate) fn strictest(
    own: Option<(&Profile, &[Classified])>,
    owners: &[Concerned<'_>],
    may_leave: Option<Oddity>,
) -> Option<Needed> {
    needed(own, owners, may_leave).or_else(|| {
        find(own, owners, &|_, _, _| {
            Some((Concern::MayOwn, "the URL is under its endpoint".to_owned()))
        })
    })
}

/// Says why a call of these readings concerns a profile with this project, when these projects are
/// known at the place.
type Why<'a> = &'a dyn Fn(&[Classified], Option<&str>, &[&str]) -> Option<(Concern, String)>;

fn find(
    own: Option<(&Profile, &[Classified])>,
    owners: &[Concerned<'_>],
    why: Why<'_>,
) -> Option<Needed> {
    let project_of = |profile: &Profile| {
        let project = profile.project.as_ref();
        project.map(|project| project.value.clone())
    };
    let own_project = own.and_then(|(profile, _)| project_of(profile));
    let known: Vec<&str> = owners
        .iter()
        .filter_map(|owner| owner.profile.project.as_deref())
        .chain(own_project.as_deref())
        .collect();
    let is_guarded = |(profile, _): &(&Profile, &[Classified])| profile.guard.value != Guard::None;
    let own = own.filter(is_guarded).map(|(profile, readings)| {
        let owns = why(readings, own_project.as_deref(), &known)
            .is_some_and(|(concern, _)| concern == Concern::Owns);
        let concern = if owns { Concern::Owns } else { Concern::Calls };
        let needed = Needed {
            owner: profile.name.clone(),
            guard: profile.guard.value,
            reason: String::new(),
        };
        (concern, needed)
    });
    let mut others: Vec<(Concern, Needed)> = owners
        .iter()
        .filter(|owner| owner.profile.guard != Guard::None)
        .filter_map(|owner| {
            let profile = owner.profile;
            let (concern, reason) = why(owner.readings, profile.project.as_deref(), &known)?;
            let needed = Needed {
                owner: profile.name.clone(),
                guard: profile.guard,
                reason,
            };
            Some((concern, needed))
        })
        .collect();
    others.sort_by(|(_, a), (_, b)| a.owner.cmp(&b.owner));
    own.into_iter()
        .chain(others)
        .reduce(|best, next| {
            let rank = |(concern, needed): &(Concern, Needed)| (needed.guard, *concern);
            if rank(&next) > rank(&best) {
                next
            } else {
                best
            }
        })
        .map(|(_, needed)| needed)
}

/// Why a guarded profile is concerned with a call, from the least reason to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Concern {
    /// The call could be to its project.
    MayOwn,
    /// The call is made with it.
    Calls,
    /// The call is to its project.
    Owns,
}

/// Says whether and why a call concerns a guarded profile with this project, when these projects
/// are known at the endpoint.
fn concern(
    classified: &Classified,
    project: Option<&str>,
    known: &[&str],
) -> Option<(Concern, String)> {
    let Some(guarded) = project else {
        // A profile without a project stands for the whole tenant.
        let reason = "the URL is under its endpoint, and it names no project".to_owned();
        return Some((Concern::MayOwn, reason));
    };
    let unsaid = || {
        let reason = "the URL is under its endpoint, and the path does not say which project it is"
            .to_owned();
        Some((Concern::MayOwn, reason))
    };
    if let Some(named) = &classified.project {
        return named
            .eq_ignore_ascii_case(guarded)
            .then(|| (Concern::Owns, format!("project {guarded} is its own")));
    }
    if classified.endpoint.is_some() {
        return unsaid();
    }
    let mentions = |project: &str| {
        let mut segments = classified.segments.iter();
        segments.any(|segment| segment.eq_ignore_ascii_case(project))
    };
    if mentions(guarded) {
        let reason = format!("the path mentions its project {guarded}");
        return Some((Concern::Owns, reason));
    }
    // An id hides the project, and so does a name that is encoded twice.
    let hides =
        |segment: &String| segment.contains('%') || without_prefix(segment, "id:").is_some();
    // A path that the catalogue does not know says its project only by one that is known.
    if classified.segments.iter().any(hides) || !known.iter().any(|known| mentions(known)) {
        return unsaid();
    }
    None
}

/// Decides on a call that meets this guard.
pub(crate) fn decide(needed: Option<Needed>, confirm: Option<&str>, can_ask: bool) -> Decision {
    let Some(needed) = needed else {
        return Decision::Allow;
    };
    if needed.guard == Guard::ReadOnly {
        return Decision::Refuse(needed, Refusal::ReadOnly);
    }
    match confirm {
        Some(name) if name == needed.owner => Decision::Allow,
        Some(_) => Decision::Refuse(needed, Refusal::WrongName),
        None if can_ask => Decision::Ask(needed),
        None => Decision::Refuse(needed, Refusal::NotConfirmed),
    }
}

/// Says that a call is not sent because of a guard.
pub(crate) fn refused(needed: &Needed, refusal: Refusal) -> Failure {
    let owner = sanitise(&needed.owner).into_owned();
    let failure = Failure::new(
        Exit::Guard,
        format!(
            "refused by the guard of profile {owner} ({})",
            needed.guard.name()
        ),
    );
    let failure = match needed.reason.as_str() {
        "" => failure,
        reason => failure.fact(format!("profile {owner} guards this: {}", sanitise(reason))),
    };
    match refusal {
        Refusal::ReadOnly => failure
            .hint(format!(
                "profile {owner} is read-only; --confirm cannot override it"
            ))
            .hint(format!(
                "to allow writes, change guard in [profiles.{owner}] of the config file"
            )),
        Refusal::WrongName => failure.hint(format!(
            "--confirm named another profile; it must be --confirm {owner}"
        )),
        Refusal::NotConfirmed => failure.hint(format!("to go ahead: add --confirm {owner}")),
        Refusal::Rewritten => failure.hint("leave the header out"),
    }
}

/// Says that a call is not sent because the guards in the config file are not known.
pub(crate) fn unknown(why: &str) -> Failure {
    Failure::new(
        Exit::Guard,
        "refused: it is not known which guards apply to this call",
    )
    .fact(format!("{}; the guards are in that file", sanitise(why)))
    .fact("nothing was sent")
    .hint("fix the file; rein config check looks for mistakes")
    .hint("or run without guards: REINFER_CONFIG=/dev/null, and no --config")
}

/// How many AI units a billable call may cost; `None` when its body does not tell.
///
/// One for each element of the list that the endpoint takes; only new and changed texts are
/// charged, so that it is the most that it can be (API notes, section 8).
pub(crate) fn ai_units(endpoint: &Endpoint, body: Option<&[u8]>) -> Option<usize> {
    if endpoint.class != Class::Billable {
        return None;
    }
    let field = endpoint
        .body_fields
        .iter()
        .map(|field| field.name)
        .find(|name| matches!(*name, "comments" | "documents" | "emails"))?;
    let mut json = serde_json::Deserializer::from_slice(body?);
    let units = LongestList(field).deserialize(&mut json).ok()?;
    json.end().ok()?;
    units
}

/// Finds the length of a field of an object, keeping nothing of it: of several with the name the
/// longest, since nobody knows which one a server takes.
struct LongestList<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for LongestList<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LongestList<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut longest = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                // Values without size: the list takes no memory.
                let length = map.next_value::<Vec<IgnoredAny>>()?.len();
                longest = longest.max(Some(length));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(longest)
    }
}

#[cfg(test)]
pub(crate) mod tests;
