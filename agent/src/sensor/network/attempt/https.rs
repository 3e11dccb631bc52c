//! Asks a web server for a page and reads only the first line of its answer.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tracing::warn;

use super::lookup::Lookups;
use super::{Failure, connect, lookup_patience};

/// A status line is shorter.
const LINE_BYTES_MAX: usize = 256;

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
struct Url<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
    /// As it stands in the URL, with its port.
    authority: &'a str,
    path: &'a str,
}

/// How long it took from the first packet to the first line of an answer whose status is below 500.
pub(super) async fn ask<'t>(
    url: &str,
    lookups: &Lookups,
    deadline: Duration,
    tls: impl FnOnce() -> &'t TlsConnector,
) -> Result<Duration, Failure> {
    let url = parse(url).ok_or_else(|| Failure::code("bad_target"))?;
    let patience = lookup_patience(deadline);
    let addresses = lookups.addresses(url.host, url.port, patience).await?;
    let begun = Instant::now();
    let stream = connect(&addresses).await?;
    let status = if url.tls {
        let bare = url.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| Failure::code("bad_target"))?;
        let stream = tls()
            .connect(name, stream)
            .await
            .map_err(|_| Failure::code("tls"))?;
        converse(stream, &url).await?
    } else {
        converse(stream, &url).await?
    };
    if status < 500 {
        Ok(begun.elapsed())
    } else {
        Err(Failure::Code(format!("status_{status}")))
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, url: &Url<'_>) -> Result<u16, Failure> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: vong-agent/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority,
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut line = Vec::with_capacity(LINE_BYTES_MAX);
    while !line.contains(&b'\n') && line.len() < LINE_BYTES_MAX {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    status(&line).ok_or_else(|| Failure::code("not_http"))
}

/// The status of `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let digits = std::str::from_utf8(rest.get(2..5)?).ok()?;
    digits.parse().ok()
}

fn parse(url: &str) -> Option<Url<'_>> {
    let (tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let rest = rest.split('#').next()?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) if rest.as_bytes()[at] == b'/' => rest.split_at(at),
        Some(_) => return None,
        None => (rest, "/"),
    };
    // A line break would let a policy write requests of its own.
    if authority.is_empty() || url.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return None;
    }
    let default = if tls { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    Some(Url {
        tls,
        host,
        port,
        authority,
        path,
    })
}

/// Trusts what the PC trusts: a proxy or portal of the province that its browsers accept is accepted here.
pub(super) fn connector_with_system_roots() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!(%error, "cannot read some of the system's roots");
    }
    roots.add_parsable_certificates(found.certs);
    connector(roots)
}

/// Trusts these roots.
pub(super) fn connector(roots: RootCertStore) -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for every version that is asked for")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_ask() {
        let check = |url: &str, expected: Option<(bool, &str, u16, &str)>| {
            let parsed = parse(url).map(|url| (url.tls, url.host, url.port, url.path));
            assert_eq!(parsed, expected, "{url}");
        };
        check(
            "https://dichvucong.gov.vn",
            Some((true, "dichvucong.gov.vn", 443, "/")),
        );
        check("http://a:8080/x?y=1#z", Some((false, "a", 8080, "/x?y=1")));
        check("https://[::1]/", Some((true, "[::1]", 443, "/")));
        check("https://[::1]:8443/", Some((true, "[::1]", 8443, "/")));
        check("ftp://a/", None);
        check("https:///x", None);
        check("https://a:no/", None);
        check("http://a/\r\nX: y", None);
    }

    #[test]
    fn a_status_is_three_digits() {
        assert_eq!(status(b"HTTP/1.1 404 Not Found\r\n"), Some(404));
        assert_eq!(status(b"HTTP/1.0 200\r\n"), Some(200));
        assert_eq!(status(b"SSH-2.0-x"), None);
        assert_eq!(status(b"HTTP/1.1"), None);
    }
}
