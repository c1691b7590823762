//! Who may send, as a configuration of HyperDX's OpAMP server says it.
//!
//! Comes in: an OpenTelemetry Collector's configuration in JSON. Goes out: an [`Admission`] and the names of what is not
//! looked at, or why nothing can be made of it. What asks for something that cannot be had here is refused whole: half of
//! a lock is none. Pure. Must not put a value of the configuration into a message: some are tokens.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use crate::receive::auth::tokens::{Digests, MOST};

/// Who may send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Admission {
    /// No pipeline has an OTLP receiver: HyperDX has no team yet. The existing collector opens no port then.
    Nobody,
    Everybody,
    /// Whoever shows one of these.
    Holders(Digests),
}

/// For people; of tokens only how many.
impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody until a team is made"),
            Self::Everybody => f.write_str("everybody"),
            Self::Holders(digests) => write!(f, "holders of one of {} tokens", digests.0.len()),
        }
    }
}

/// What a configuration says.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) admission: Admission,
    /// Names of sections and components that have no effect here, in their order.
    pub(super) ignored: Vec<String>,
}

/// Why a configuration is not taken. Names of components are shown, cut; nothing else of it is.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("config.json is not in the offer")]
    Absent,
    #[error("config.json is no JSON: line {0}")]
    Json(usize),
    #[error("{0} is missing or of another form than expected")]
    Form(String),
    /// The same of what says who may send.
    #[error("{0} is missing or of another form than expected")]
    Lock(String),
    #[error("the OTLP receivers ask for different authenticators, and share their ports here")]
    Different,
    #[error("extensions.{0} is no bearertokenauth, which is the only authenticator there is here")]
    Authenticator(String),
    #[error("extensions.{0} asks for something that tokens cannot be taken by here")]
    Unsupported(String),
    #[error("{0} holds no token")]
    Empty(String),
    #[error("{0} holds more than {MOST} tokens")]
    TooMany(String),
}

impl Refusal {
    /// Whether the server wants that not everybody may send, in a way that cannot be had here.
    pub(super) const fn asks_for_a_lock(&self) -> bool {
        match self {
            Self::Absent | Self::Json(_) | Self::Form(_) => false,
            Self::Lock(_)
            | Self::Different
            | Self::Authenticator(_)
            | Self::Unsupported(_)
            | Self::Empty(_)
            | Self::TooMany(_) => true,
        }
    }
}

/// Longest name that is shown of a component, and how many are.
const LONGEST_NAME: usize = 64;
const MOST_NAMES: usize = 32;

/// What the file is called in the offer.
pub(super) const FILE: &str = "config.json";

/// Reads the text of the file.
pub(super) fn read(text: &[u8]) -> Result<Reading, Refusal> {
    let document: Value = serde_json::from_slice(text).map_err(|error| Refusal::Json(error.line()))?;
    let receivers = otlp_receivers(&document)?;
    let authenticator = authenticator(&receivers)?;
    let admission = match authenticator {
        None if receivers.is_empty() => Admission::Nobody,
        None => Admission::Everybody,
        Some(name) => Admission::Holders(tokens(&document, name)?),
    };
    Ok(Reading { admission, ignored: ignored(&document, authenticator) })
}

type Named<'a> = (&'a str, &'a Map<String, Value>);

/// The OTLP receivers that a pipeline has, with their protocols.
fn otlp_receivers(document: &Value) -> Result<Vec<Named<'_>>, Refusal> {
    let pipelines = object(document.pointer("/service/pipelines"), "service.pipelines")?;
    let mut attached = BTreeSet::new();
    for (name, pipeline) in pipelines {
        let receivers = pipeline.get("receivers").and_then(Value::as_array);
        let receivers = receivers.ok_or_else(|| form(&["service.pipelines", name, "receivers"]))?;
        attached.extend(receivers.iter().filter_map(Value::as_str).filter(|receiver| kind(receiver) == "otlp"));
    }
    let protocols = |name: &'_ str| document.get("receivers")?.get(name)?.get("protocols")?.as_object();
    let with_protocols = |name| {
        let protocols = protocols(name).filter(|protocols| !protocols.is_empty());
        protocols.map(|protocols| (name, protocols)).ok_or_else(|| form(&["receivers", name, "protocols"]))
    };
    attached.into_iter().map(with_protocols).collect()
}

/// The one extension that all their protocols name, if they name one.
fn authenticator<'a>(receivers: &[Named<'a>]) -> Result<Option<&'a str>, Refusal> {
    let mut named = BTreeSet::new();
    for (receiver, protocols) in receivers {
        for (protocol, settings) in *protocols {
            // A protocol without settings is null.
            named.insert(match settings.get("auth").filter(|auth| !auth.is_null()) {
                None => None,
                Some(auth) => {
                    let name = auth.get("authenticator").and_then(Value::as_str);
                    let place = || Refusal::Lock(path(&["receivers", receiver, "protocols", protocol, "auth"]));
                    Some(name.ok_or_else(place)?)
                }
            });
        }
    }
    if named.len() > 1 { Err(Refusal::Different) } else { Ok(named.pop_first().flatten()) }
}

/// The tokens that an extension lets in.
fn tokens(document: &Value, name: &str) -> Result<Digests, Refusal> {
    if kind(name) != "bearertokenauth" {
        return Err(Refusal::Authenticator(cut(name)));
    }
    let place = path(&["extensions", name]);
    let extension = document.get("extensions").and_then(|all| all.get(name)).and_then(Value::as_object);
    let extension = extension.ok_or_else(|| Refusal::Lock(place.clone()))?;
    let text =
        |key: &str| extension.get(key).filter(|value| !value.is_null()).map(|value| value.as_str().unwrap_or("?"));
    // The guard takes a token bare and after `Bearer`, whichever of both is asked for.
    let is_scheme = text("scheme").is_none_or(|scheme| scheme.is_empty() || scheme.eq_ignore_ascii_case("bearer"));
    let is_header = text("header").is_none_or(|header| header.eq_ignore_ascii_case("authorization"));
    if !is_scheme || !is_header || text("filename").is_some_and(|file| !file.is_empty()) {
        return Err(Refusal::Unsupported(cut(name)));
    }
    let one = extension.get("token").filter(|token| !token.is_null());
    let several = match extension.get("tokens").filter(|tokens| !tokens.is_null()) {
        None => &[],
        Some(tokens) => tokens.as_array().ok_or_else(|| Refusal::Lock(place.clone()))?.as_slice(),
    };
    let mut digests = Digests::default();
    for token in several.iter().chain(one) {
        let token = token.as_str().ok_or_else(|| Refusal::Lock(place.clone()))?;
        // What an OpenTelemetry Collector would put in its place is not known here.
        if token.contains("${") {
            return Err(Refusal::Unsupported(cut(name)));
        }
        if !token.trim().is_empty() {
            digests.add(token.as_bytes());
        }
    }
    match digests.0.len() {
        0 => Err(Refusal::Empty(place)),
        1..=MOST => Ok(digests),
        _ => Err(Refusal::TooMany(place)),
    }
}

/// Everything but what was looked at, and receivers that do nothing.
fn ignored(document: &Value, authenticator: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    for (section, content) in document.as_object().into_iter().flatten() {
        let is_read = |name: &str| match section.as_str() {
            "receivers" => matches!(kind(name), "otlp" | "nop"),
            "extensions" => authenticator == Some(name),
            "service" => matches!(name, "pipelines" | "extensions"),
            _ => false,
        };
        match (section.as_str(), content.as_object()) {
            ("receivers" | "extensions" | "service", Some(all)) => {
                names.extend(all.keys().filter(|name| !is_read(name)).map(|name| path(&[section, name])));
            }
            _ => names.push(cut(section)),
        }
    }
    names.truncate(MOST_NAMES);
    names
}

/// `otlp` of `otlp/hyperdx`.
fn kind(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

fn object<'a>(value: Option<&'a Value>, place: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.and_then(Value::as_object).ok_or_else(|| Refusal::Form(place.to_owned()))
}

fn form(parts: &[&str]) -> Refusal {
    Refusal::Form(path(parts))
}

fn path(parts: &[&str]) -> String {
    parts.iter().map(|part| cut(part)).collect::<Vec<_>>().join(".")
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests;
