//! Options, environment and file made into one profile, each value with its origin.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use crate::env::Env;
use crate::error::{Failure, Result, nearest};
use crate::profile::file::{self, ConfigFile, DEMO, Entry, Located};
use crate::profile::{Base, Guard, Holder, Neighbour, Origin, Profile, Setting};
use crate::secret::Secret;
use crate::secret::source::{OAuth, TokenSource, variable_of_profile};
use crate::text::terminal::sanitise;

/// What the command line says about the profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// `-p`.
    pub profile: Option<&'a str>,
    /// `--endpoint`.
    pub endpoint: Option<&'a OsStr>,
    /// `--project`.
    pub project: Option<&'a str>,
    /// `--token-file`.
    pub token_file: Option<&'a OsStr>,
    /// `--config`.
    pub config: Option<&'a OsStr>,
}

/// Who says which tenant is meant, in the order in which they count.
enum Selected {
    /// A profile by name.
    Named(String, Origin),
    /// An endpoint alone, from `--endpoint` or `REINFER_ENDPOINT`.
    Endpoint(Base, Origin),
}

/// Returns the profile that a call goes to.
///
/// # Errors
/// Fails (exit 2) when it is not clear which tenant or token is meant, and on every mistake in
/// the file; never falls back to another profile.
pub fn resolve(choice: &Choice<'_>, env: &Env) -> Result<Profile> {
    let config = file::load(choice.config, env);
    match select(choice, env, config.as_ref().ok())? {
        Some(selected) => profile_of(selected, choice, env, config),
        None => Err(nothing_selected(&config?)),
    }
}

fn profile_of(
    selected: Selected,
    choice: &Choice<'_>,
    env: &Env,
    config: Result<ConfigFile>,
) -> Result<Profile> {
    let profile = match selected {
        // It is inside the program, so a broken file must not prevent it.
        Selected::Named(name, _) if name == DEMO => {
            let mut profile = demo(choice)?;
            profile.holders = config.as_ref().map(holders).unwrap_or_default();
            with_owners(profile, config)
        }
        Selected::Named(name, origin) => named(&name, &origin, choice, env, &config?)?,
        Selected::Endpoint(base, origin) => {
            // Endpoint and token need no file, so a broken one must not prevent it.
            let known = config.as_ref().ok().cloned().unwrap_or_default();
            let profile = endpoint_alone(base, origin, choice, env, &known)?;
            with_owners(profile, config)
        }
    };
    with_project(profile, choice, env)
}

/// Adds every profile of the file; or why the guards that it sets are not known, when it cannot be
/// read.
fn with_owners(profile: Profile, config: Result<ConfigFile>) -> Profile {
    match config.and_then(|config| neighbours(&config)) {
        Ok(neighbours) => Profile {
            neighbours,
            ..profile
        },
        Err(failure) => Profile {
            unknown_guards: Some(failure.headline),
            ..profile
        },
    }
}

/// The profile that a call goes to, and what is known of the config file.
#[derive(Debug)]
pub(crate) struct Found {
    /// The profile, or what to say where none is named.
    pub(crate) chosen: Result<Profile>,
    /// Every profile of the file.
    pub(crate) all: Vec<Neighbour>,
    /// Who holds which token.
    pub(crate) holders: Vec<Holder>,
    /// Why the profiles of the file are not known, when they are not.
    pub(crate) unknown: Option<String>,
}

/// Returns the profile that a call goes to, if one is named, and every one of the file.
///
/// # Errors
/// Fails as [`resolve`] does, but not when nothing is named.
pub(crate) fn resolve_if_any(choice: &Choice<'_>, env: &Env) -> Result<Found> {
    let config = file::load(choice.config, env);
    if let Some(selected) = select(choice, env, config.as_ref().ok())? {
        let profile = profile_of(selected, choice, env, config)?;
        return Ok(Found {
            all: profile.neighbours.clone(),
            holders: profile.holders.clone(),
            unknown: profile.unknown_guards.clone(),
            chosen: Ok(profile),
        });
    }
    let config = config?;
    Ok(Found {
        chosen: Err(nothing_selected(&config)),
        all: neighbours(&config)?,
        holders: holders(&config),
        unknown: None,
    })
}

/// Returns the profile of the built-in demo tenant. Its port and its token are those of the
/// tenant that is started for a call.
fn demo(choice: &Choice<'_>) -> Result<Profile> {
    let options = [
        ("--endpoint", choice.endpoint.is_some()),
        ("--token-file", choice.token_file.is_some()),
    ];
    if let Some((option, _)) = options.iter().find(|(_, is_given)| *is_given) {
        return Err(Failure::usage(format!(
            "{option} cannot be combined with the profile demo, the built-in demo tenant"
        ))
        .fact("nothing was sent")
        .hint("leave one of them out"));
    }
    let base = Base::from_endpoint("http://127.0.0.1").map_err(Failure::local)?;
    let mut profile = bare(
        DEMO,
        Setting::new(base, Origin::BuiltIn),
        TokenSource::Demo(Secret::new(String::new())),
    );
    profile.project = Some(Setting::new("retail-dev".to_owned(), Origin::BuiltIn));
    Ok(profile)
}

/// Returns every profile of the file, in its order.
///
/// # Errors
/// Fails on the first mistake in the file.
pub(crate) fn all(choice: &Choice<'_>, env: &Env) -> Result<Vec<Profile>> {
    assemble_all(&file::load(choice.config, env)?)
}

/// Puts every profile of a file together.
///
/// # Errors
/// Fails on the first mistake.
pub(crate) fn assemble_all(config: &ConfigFile) -> Result<Vec<Profile>> {
    config
        .profiles
        .iter()
        .map(|entry| assemble(entry, config))
        .collect()
}

/// Returns the name of the profile that a call would use, when one is named.
///
/// # Errors
/// Fails as `resolve` does where the choice itself is unclear.
pub(crate) fn selected_name(choice: &Choice<'_>, env: &Env) -> Result<Option<String>> {
    let config = file::load(choice.config, env)?;
    Ok(match select(choice, env, Some(&config))? {
        Some(Selected::Named(name, _)) => Some(name),
        _ => None,
    })
}

fn select(choice: &Choice<'_>, env: &Env, config: Option<&ConfigFile>) -> Result<Option<Selected>> {
    if let Some(name) = choice.profile {
        return Ok(Some(Selected::Named(name.to_owned(), Origin::Option("-p"))));
    }
    if let Some(text) = choice.endpoint {
        let base = endpoint_option(text)?;
        // The profile that would have been used keeps its name and token on its own endpoint.
        let usual = select(
            &Choice {
                endpoint: None,
                ..*choice
            },
            env,
            config,
        )?;
        if let (Some(Selected::Named(name, origin)), Some(config)) = (usual, config)
            && let Some(entry) = config.entry(&name)
            && assemble(entry, config).is_ok_and(|profile| profile.base.value.same_endpoint(&base))
        {
            return Ok(Some(Selected::Named(name, origin)));
        }
        return Ok(Some(Selected::Endpoint(base, Origin::Option("--endpoint"))));
    }
    let endpoint = env
        .text("REINFER_ENDPOINT")?
        .map(endpoint_variable)
        .transpose()?;
    if let Some(name) = env.text("REINFER_PROFILE")? {
        if let Some(base) = endpoint {
            agree(name, &base, config)?;
        }
        return Ok(Some(Selected::Named(
            name.to_owned(),
            Origin::Variable("REINFER_PROFILE".to_owned()),
        )));
    }
    if let Some(base) = endpoint {
        return Ok(Some(Selected::Endpoint(
            base,
            Origin::Variable("REINFER_ENDPOINT".to_owned()),
        )));
    }
    let default =
        config.and_then(|config| config.default_profile.as_ref().map(|name| (name, config)));
    Ok(default.map(|(name, config)| {
        let origin = Origin::File {
            path: config.path.clone(),
            line: name.line,
            inherited_from: None,
        };
        Selected::Named(name.value.clone(), origin)
    }))
}

fn endpoint_option(text: &OsStr) -> Result<Base> {
    let text = text
        .to_str()
        .ok_or_else(|| Failure::usage("--endpoint is not valid UTF-8"))?;
    Base::from_endpoint(text)
        .map_err(|why| Failure::usage(format!("--endpoint is not usable: {why}")))
}

fn endpoint_variable(text: &str) -> Result<Base> {
    Base::from_endpoint(text).map_err(|why| {
        Failure::usage(format!("REINFER_ENDPOINT is not usable: {why}")).fact("nothing was sent")
    })
}

/// Both variables together must mean one tenant.
fn agree(name: &str, base: &Base, config: Option<&ConfigFile>) -> Result<()> {
    let of_profile = if name == DEMO {
        "the built-in demo tenant".to_owned()
    } else {
        let Some((config, entry)) = config.and_then(|config| Some((config, config.entry(name)?)))
        else {
            return Ok(());
        };
        let profile = assemble(entry, config)?;
        if profile.base.value.same_endpoint(base) {
            return Ok(());
        }
        profile.base.value.as_str().to_owned()
    };
    Err(
        Failure::usage("REINFER_PROFILE and REINFER_ENDPOINT mean two different tenants")
            .fact(format!("REINFER_PROFILE={name} is {of_profile}"))
            .fact(format!("REINFER_ENDPOINT is {}", base.as_str()))
            .fact("nothing was sent")
            .hint("unset one of them, or choose with -p"),
    )
}

fn named(
    name: &str,
    origin: &Origin,
    choice: &Choice<'_>,
    env: &Env,
    config: &ConfigFile,
) -> Result<Profile> {
    let entry = config
        .entry(name)
        .ok_or_else(|| unknown(name, origin, config))?;
    let mut profile = assemble(entry, config)?;
    profile.neighbours = neighbours(config)?;
    profile.holders = holders(config);
    if let Some(text) = choice.endpoint {
        let base = endpoint_option(text)?;
        if !profile.base.value.same_endpoint(&base) && choice.token_file.is_none() {
            profile.token = TokenSource::Withheld(format!(
                "--endpoint {} is not the endpoint of profile {name} ({}){}",
                base.as_str(),
                profile.base.value.as_str(),
                but_that_of(&base, config)
            ));
        }
        profile.base = Setting::new(base, Origin::Option("--endpoint"));
    }
    if let TokenSource::Environment { general, .. } = &mut profile.token
        && let Some(text) = env.text("REINFER_ENDPOINT")?
    {
        // The two variables belong together: a token for one endpoint is not sent to another.
        *general = profile.base.value.same_endpoint(&endpoint_variable(text)?);
    }
    if let Some(path) = choice.token_file {
        profile.token = TokenSource::Option(PathBuf::from(path));
    }
    Ok(profile)
}

fn endpoint_alone(
    base: Base,
    origin: Origin,
    choice: &Choice<'_>,
    env: &Env,
    config: &ConfigFile,
) -> Result<Profile> {
    let token = match choice.token_file {
        Some(path) => TokenSource::Option(PathBuf::from(path)),
        None => token_for_endpoint(&base, &origin, choice, env, config)?,
    };
    let name = base.host_label();
    let mut profile = bare(&name, Setting::new(base, origin), token);
    profile.vars = file_vars(config);
    profile.holders = holders(config);
    Ok(profile)
}

/// `REINFER_TOKEN` goes with `REINFER_ENDPOINT`; with `--endpoint` only where nothing says that it
/// is another tenant's.
fn token_for_endpoint(
    base: &Base,
    origin: &Origin,
    choice: &Choice<'_>,
    env: &Env,
    config: &ConfigFile,
) -> Result<TokenSource> {
    let general = TokenSource::Environment {
        own: None,
        shared_with: None,
        general: true,
    };
    if !matches!(origin, Origin::Option(_)) {
        return Ok(general);
    }
    let other = match select(
        &Choice {
            endpoint: None,
            ..*choice
        },
        env,
        Some(config),
    )? {
        None => None,
        Some(Selected::Named(name, _)) => Some(format!("profile {name}")),
        Some(Selected::Endpoint(other, _)) if other.same_endpoint(base) => None,
        Some(Selected::Endpoint(other, _)) => Some(format!("REINFER_ENDPOINT={}", other.as_str())),
    };
    Ok(match other {
        None => general,
        Some(other) => TokenSource::Withheld(format!(
            "--endpoint {} is not that of {other}{}{}",
            base.as_str(),
            but_that_of(base, config),
            unused_token(env)
        )),
    })
}

/// Says why a token that is there is not sent to an endpoint of `--endpoint`.
fn unused_token(env: &Env) -> &'static str {
    match env.is_set("REINFER_TOKEN") {
        true => {
            "\nREINFER_TOKEN goes with REINFER_ENDPOINT: to use it here, set REINFER_ENDPOINT instead of --endpoint"
        }
        false => "",
    }
}

/// Names the profile that an endpoint belongs to, when there is one.
fn but_that_of(base: &Base, config: &ConfigFile) -> String {
    let mut profiles = config.profiles.iter();
    let owner = profiles.find(|entry| {
        assemble(entry, config).is_ok_and(|profile| profile.base.value.same_endpoint(base))
    });
    owner
        .map(|entry| format!(", but that of profile {0}: -p {0}", sanitise(&entry.name)))
        .unwrap_or_default()
}

fn with_project(mut profile: Profile, choice: &Choice<'_>, env: &Env) -> Result<Profile> {
    if let Some(project) = choice.project {
        profile.project = Some(Setting::new(
            project.to_owned(),
            Origin::Option("--project"),
        ));
    } else if let Some(project) = env.text("REINFER_PROJECT")? {
        profile.project = Some(Setting::new(
            project.to_owned(),
            Origin::Variable("REINFER_PROJECT".to_owned()),
        ));
    }
    Ok(profile)
}

fn bare(name: &str, base: Setting<Base>, token: TokenSource) -> Profile {
    Profile {
        name: name.to_owned(),
        base,
        project: None,
        vars: BTreeMap::new(),
        ca_file: None,
        proxy: None,
        guard: Setting::new(Guard::None, Origin::BuiltIn),
        token,
        extends: None,
        neighbours: Vec::new(),
        unknown_guards: None,
        holders: Vec::new(),
    }
}

fn neighbours(config: &ConfigFile) -> Result<Vec<Neighbour>> {
    config
        .profiles
        .iter()
        .map(|entry| {
            let profile = assemble(entry, config)?;
            Ok(Neighbour {
                name: profile.name,
                base: profile.base.value,
                project: profile.project.map(|setting| setting.value),
                guard: profile.guard.value,
            })
        })
        .collect()
}

/// Returns who has which token; a profile that is broken has none.
pub(crate) fn holders(config: &ConfigFile) -> Vec<Holder> {
    let profiles = config.profiles.iter();
    profiles
        .filter_map(|entry| assemble(entry, config).ok())
        .map(|profile| Holder {
            name: profile.name,
            base: profile.base.value,
            token: profile.token,
        })
        .collect()
}

/// Puts a profile together from itself and its parents.
fn assemble(entry: &Entry, config: &ConfigFile) -> Result<Profile> {
    let chain = chain(entry, config)?;
    let origin = |from: &Entry, line: usize| Origin::File {
        path: config.path.clone(),
        line,
        inherited_from: (from.name != entry.name).then(|| from.name.clone()),
    };
    let mut vars = file_vars(config);
    for from in chain.iter().rev() {
        for (name, located) in &from.vars {
            vars.insert(
                name.clone(),
                Setting::new(located.value.clone(), origin(from, located.line)),
            );
        }
    }
    let first = |pick: fn(&Entry) -> Option<&Located<String>>| {
        chain.iter().find_map(|from| {
            pick(from)
                .map(|located| Setting::new(located.value.clone(), origin(from, located.line)))
        })
    };
    let guard = chain.iter().find_map(|from| {
        from.guard
            .as_ref()
            .map(|located| Setting::new(located.value, origin(from, located.line)))
    });
    let ca_file = chain.iter().find_map(|from| {
        from.ca_file
            .as_ref()
            .map(|located| Setting::new(located.value.clone(), origin(from, located.line)))
    });
    let proxy = chain.iter().find_map(|from| {
        from.proxy
            .as_ref()
            .map(|located| Setting::new(located.value.clone(), origin(from, located.line)))
    });
    let base = base(&chain, config)?;
    Ok(Profile {
        name: entry.name.clone(),
        base: Setting::new(base.value, origin(base.from, base.line)),
        project: first(|entry| entry.project.as_ref()),
        vars,
        ca_file,
        proxy,
        guard: guard.unwrap_or(Setting::new(Guard::None, Origin::BuiltIn)),
        token: token(entry, config),
        extends: entry
            .extends
            .as_ref()
            .map(|located| Setting::new(located.value.clone(), origin(entry, located.line))),
        neighbours: Vec::new(),
        unknown_guards: None,
        holders: Vec::new(),
    })
}

fn file_vars(config: &ConfigFile) -> BTreeMap<String, Setting<String>> {
    config
        .vars
        .iter()
        .map(|(name, located)| {
            let origin = Origin::File {
                path: config.path.clone(),
                line: located.line,
                inherited_from: None,
            };
            (name.clone(), Setting::new(located.value.clone(), origin))
        })
        .collect()
}

/// Returns a profile, its parent, that one's parent, and so on.
fn chain<'a>(entry: &'a Entry, config: &'a ConfigFile) -> Result<Vec<&'a Entry>> {
    let mut chain = vec![entry];
    let mut last = entry;
    while let Some(parent) = &last.extends {
        let next = config.entry(&parent.value).ok_or_else(|| {
            let known = config.profiles.iter().map(|entry| entry.name.as_str());
            let what = format!(
                "profile {} extends {}, which does not exist",
                last.name,
                sanitise(&parent.value)
            );
            config
                .wrong(parent.line, &what)
                .suggest(nearest(&parent.value, known).first().copied())
        })?;
        if chain.iter().any(|seen| seen.name == next.name) {
            return Err(config.wrong(
                parent.line,
                &format!(
                    "profile {} extends itself, directly or through others",
                    entry.name
                ),
            ));
        }
        chain.push(next);
        last = next;
    }
    Ok(chain)
}

struct FoundBase<'a> {
    value: Base,
    from: &'a Entry,
    line: usize,
}

/// Finds the endpoint: the nearest profile that names one decides on its kind, and organisation
/// and tenant may come from different ones.
fn base<'a>(chain: &[&'a Entry], config: &ConfigFile) -> Result<FoundBase<'a>> {
    let entry = chain[0];
    let (mut organisation, mut tenant) = (None, None);
    let unusable = |line, name: &str, why| {
        let what = format!("the endpoint of profile {name} is not usable: {why}");
        config.wrong(line, &what)
    };
    for from in chain {
        refuse_several_endpoints(from, config)?;
        let whole = from.endpoint.as_ref().or(from.domain.as_ref());
        if let Some(located) = whole.filter(|_| organisation.is_none() && tenant.is_none()) {
            let made = match from.endpoint {
                Some(_) => Base::from_endpoint(&located.value),
                None => Base::from_domain(&located.value),
            };
            let value = made.map_err(|why| unusable(located.line, &from.name, why))?;
            return Ok(FoundBase {
                value,
                from,
                line: located.line,
            });
        }
        if whole.is_some() {
            break;
        }
        organisation = organisation.or(from.organisation.as_ref().map(|located| (located, *from)));
        tenant = tenant.or(from.tenant.as_ref().map(|located| (located, *from)));
        if let (Some((organisation, _)), Some((tenant, owner))) = (organisation, tenant) {
            let value = Base::from_organisation(&organisation.value, &tenant.value)
                .map_err(|why| unusable(tenant.line, &entry.name, why))?;
            return Ok(FoundBase {
                value,
                from: owner,
                line: tenant.line,
            });
        }
    }
    let what = match (organisation, tenant) {
        (Some(_), None) => format!("profile {} has an organisation but no tenant", entry.name),
        (None, Some(_)) => format!("profile {} has a tenant but no organisation", entry.name),
        _ => format!("profile {} names no endpoint", entry.name),
    };
    Err(config
        .wrong(entry.line, &what)
        .hint("set endpoint = \"https://...\", or domain, or organisation and tenant"))
}

fn refuse_several_endpoints(entry: &Entry, config: &ConfigFile) -> Result<()> {
    let ways = [
        entry.endpoint.is_some(),
        entry.domain.is_some(),
        entry.organisation.is_some() || entry.tenant.is_some(),
    ];
    if ways.into_iter().filter(|is_given| *is_given).count() < 2 {
        return Ok(());
    }
    let name = &entry.name;
    let what = format!("profile {name} names its endpoint in more than one way");
    Err(config
        .wrong(entry.line, &what)
        .hint("keep one: endpoint, or domain, or organisation and tenant"))
}

/// A token is never inherited: production must not get the token of development.
fn token(entry: &Entry, config: &ConfigFile) -> TokenSource {
    if let Some(stored) = &entry.token {
        return TokenSource::Stored(stored.clone());
    }
    if let Some(oauth) = &entry.oauth {
        return TokenSource::OAuth(Box::new(OAuth {
            profile: entry.name.clone(),
            token_url: oauth.token_url.clone(),
            client_id: oauth.client_id.clone(),
            client_secret: oauth.client_secret.clone(),
            scope: oauth.scope.clone(),
        }));
    }
    let own = variable_of_profile(&entry.name);
    let shared_with = config
        .profiles
        .iter()
        .find(|other| other.name != entry.name && variable_of_profile(&other.name) == own)
        .map(|other| other.name.clone());
    TokenSource::Environment {
        own: Some(own),
        shared_with,
        general: true,
    }
}

fn unknown(name: &str, origin: &Origin, config: &ConfigFile) -> Failure {
    let failure = Failure::usage(format!("unknown profile {} ({origin})", sanitise(name)));
    let known: Vec<&str> = config
        .profiles
        .iter()
        .map(|entry| entry.name.as_str())
        .chain([DEMO])
        .collect();
    failure
        .fact(format!("profiles: {}", known.join(", ")))
        .suggest(nearest(name, known.iter().copied()).first().copied())
        .hint("they are in the file that `rein config path` prints")
}

fn nothing_selected(config: &ConfigFile) -> Failure {
    let failure = Failure::usage("no profile selected")
        .hint("try the built-in demo tenant: rein -p demo /api/v1/datasets");
    if config.profiles.is_empty() {
        failure
            .hint("or give an endpoint: export REINFER_ENDPOINT=https://... REINFER_TOKEN=...")
            .hint("or add a profile: rein profile add NAME --endpoint URL --ask-token")
            .hint(format!(
                "or write {} from an example: rein config init",
                config.path.display()
            ))
    } else {
        let names: Vec<&str> = config
            .profiles
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        failure.hint(format!("choose one with -p: {}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests;
