//! `CLICKHOUSE_ENDPOINT`: addresses of ClickHouse as its native clients write them, made into addresses of its HTTP
//! interface.
//!
//! Comes in: the variable. Goes out: `http://` or `https://` addresses and what was said beside them. Must not guess:
//! a native port that is not the default one says nothing about the HTTP port, and is refused.

/// What the variable says.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Endpoint {
    pub(super) addresses: Vec<String>,
    pub(super) skip_verify: bool,
    pub(super) warnings: Vec<String>,
}

/// The native and the HTTP ports of a ClickHouse that nobody has configured, without and with TLS.
const NATIVE: (&str, &str) = ("9000", "9440");
const HTTP: (&str, &str) = ("8123", "8443");

/// Reads one of the forms `[scheme://]host[:port][,host[:port]…][/database][?option=value…]`.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    // First, and never printed back: what stands before the @ is a secret.
    if text.contains('@') {
        return Err("holds credentials; set CLICKHOUSE_USER and CLICKHOUSE_PASSWORD instead".to_owned());
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    let (is_native, mut is_tls) = match scheme {
        "tcp" | "clickhouse" => (true, false),
        "tcps" | "tls" => (true, true),
        "http" => (false, false),
        "https" => (false, true),
        _ => {
            return Err(format!("scheme {scheme:?} is not known; use tcp, clickhouse, tcps, tls, http or https"));
        }
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut endpoint = Endpoint::default();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            (name @ "secure", value) => is_tls |= switch(name, value)?,
            (name @ "skip_verify", value) => endpoint.skip_verify = switch(name, value)?,
            // Time to connect is 5 s here, and bodies are compressed in any case.
            ("dial_timeout" | "compress" | "read_timeout", _) => {}
            (name, _) => endpoint.warnings.push(format!("its option {name} is for native clients and has no effect")),
        }
    }
    if !path.is_empty() {
        endpoint
            .warnings
            .push("its path has no effect; HYPERDX_OTEL_EXPORTER_CLICKHOUSE_DATABASE names the database".into());
    }
    for host in hosts.split(',') {
        endpoint.addresses.push(address(host.trim(), is_native, is_tls)?);
    }
    Ok(endpoint)
}

/// As ClickHouse's driver for Go reads it: an option without a value is on, and what is neither true nor false is an
/// error. To take it for false would send passwords in clear text where somebody wrote `secure=yes`.
fn switch(name: &str, value: &str) -> Result<bool, String> {
    if value.is_empty() {
        return Ok(true);
    }
    super::quantities::boolean(value).map_err(|wrong| format!("its option {name}: {wrong}"))
}

fn address(host: &str, is_native: bool, is_tls: bool) -> Result<String, String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if name.is_empty() {
        return Err("has no host; write tcp://host:9000 or http://host:8123".to_owned());
    }
    let http = |is_tls: bool, port: &str| format!("{}://{name}:{port}", if is_tls { "https" } else { "http" });
    let default = |is_tls: bool| if is_tls { HTTP.1 } else { HTTP.0 };
    match port {
        None => Ok(http(is_tls, default(is_tls))),
        Some(port) if !is_native => Ok(http(is_tls, port)),
        Some(port) if port == HTTP.0 => Ok(http(is_tls, port)),
        Some(port) if port == NATIVE.0 => Ok(http(is_tls, default(is_tls))),
        Some(port) if port == NATIVE.1 || port == HTTP.1 => Ok(http(true, HTTP.1)),
        Some(port) => Err(format!(
            "port {port} is a native one that is not the default, and this collector speaks HTTP; \
             set CLICKSTACK_CLICKHOUSE_HTTP_ENDPOINT to the HTTP interface, such as http://{name}:8123"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_and_default_port_is_made_into_http() {
        for (text, address) in [
            ("tcp://ch:9000", "http://ch:8123"),
            ("tcp://ch", "http://ch:8123"),
            ("clickhouse://ch:9000?dial_timeout=10s", "http://ch:8123"),
            ("ch", "http://ch:8123"),
            ("ch:9000", "http://ch:8123"),
            ("ch:8123", "http://ch:8123"),
            ("tcp://ch:9440", "https://ch:8443"),
            ("tcp://ch:9440?secure=true", "https://ch:8443"),
            ("tcp://ch:9000?secure=true", "https://ch:8443"),
            ("tcp://ch:9000?secure=1", "https://ch:8443"),
            ("tcp://ch:9000?secure=", "https://ch:8443"),
            ("tcp://ch:9000?secure", "https://ch:8443"),
            ("tcp://ch:9000?secure=false", "http://ch:8123"),
            ("tcps://ch", "https://ch:8443"),
            ("tls://ch:9440", "https://ch:8443"),
            ("http://ch", "http://ch:8123"),
            ("http://ch:80/", "http://ch:80"),
            ("http://ch:8123?secure=true", "https://ch:8123"),
            ("https://ch", "https://ch:8443"),
            ("https://ch:443", "https://ch:443"),
            ("tcp://[::1]:9000", "http://[::1]:8123"),
            ("tcp://[::1]", "http://[::1]:8123"),
        ] {
            assert_eq!(endpoint(text).unwrap().addresses, [address], "{text}");
        }
        let several = endpoint("tcp://a:9000,b?skip_verify=true&max_execution_time=60").unwrap();
        assert_eq!(several.addresses, ["http://a:8123", "http://b:8123"]);
        assert!(several.skip_verify && several.warnings.len() == 1);
    }

    #[test]
    fn what_cannot_be_known_is_refused_with_the_remedy() {
        for (text, remedy) in [
            ("tcp://ch:9100", "CLICKSTACK_CLICKHOUSE_HTTP_ENDPOINT"),
            ("ftp://ch", "tcps"),
            ("tcp://", "host"),
            ("tcp://ch:9000?secure=yes", "secure: \"yes\" is neither true nor false"),
            ("tcp://ch:9440?skip_verify=on", "skip_verify: \"on\" is neither true nor false"),
            ("tcp://me:hunter2@ch:9000", "CLICKHOUSE_PASSWORD"),
        ] {
            let told = endpoint(text).unwrap_err();
            assert!(told.contains(remedy) && !told.contains("hunter2"), "{text}: {told}");
        }
    }
}
