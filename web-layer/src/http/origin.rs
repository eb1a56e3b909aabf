//! Whose pages may connect. Browsers let the page of any site open a websocket to any other, and say where the page is from
//! (RFC 6455, section 10.2). Without this check a strange page could speak to a node that only its visitor can reach.

use std::convert::Infallible;
use std::str::FromStr;

use warp::http::header::{HOST, HeaderMap, ORIGIN};
use warp::http::uri::Authority;
use warp::http::{HeaderValue, Uri};

/// The origins of pages that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Every one.
    Any,
    /// This one, like `https://app.example`, besides those from the node's own host.
    Named(String),
}

impl FromStr for Origin {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "*" { Self::Any } else { Self::Named(text.trim_end_matches('/').to_ascii_lowercase()) })
    }
}

/// Checks where a page is from. Programs that are no browsers do not say, and may connect.
///
/// The host alone is compared, not the port: a proxy may hide it, and one who serves pages from another port of a host can
/// do what its owner can.
///
/// # Errors
/// The origin that may not.
pub(super) fn check<'a>(origins: &[Origin], headers: &'a HeaderMap) -> Result<(), &'a HeaderValue> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
    let is_named = origins.iter().any(|allowed| match allowed {
        Origin::Any => true,
        Origin::Named(name) => *name == text,
    });
    if is_named || is_own(&text, headers) { Ok(()) } else { Err(origin) }
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let page = origin.parse::<Uri>().ok();
    let node = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    match (page.as_ref().and_then(Uri::host), node) {
        (Some(page), Some(node)) => page.eq_ignore_ascii_case(node.host()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(origins: &[&str], origin: Option<&str>, host: &str) -> bool {
        let origins: Vec<Origin> = origins.iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        check(&origins, &headers).is_ok()
    }

    #[test]
    fn pages_of_the_own_host_and_programs_may_connect() {
        assert!(may(&[], None, "node.example"));
        assert!(may(&[], Some("https://node.example"), "node.example"));
        assert!(may(&[], Some("http://Node.example:5173"), "node.example:9999"));
        assert!(may(&[], Some("http://[::1]:9999"), "[::1]:9999"));
    }

    #[test]
    fn other_pages_may_not_unless_they_are_named() {
        for other in
            ["https://evil.example", "https://node.example.evil.example", "null", "file://", "", "x y"]
        {
            assert!(!may(&[], Some(other), "node.example"), "{other}");
            assert!(!may(&["https://app.example"], Some(other), "node.example"), "{other}");
            assert!(may(&["*"], Some(other), "node.example"), "{other}");
        }
        assert!(may(
            &["https://a.example", "https://App.example/"],
            Some("https://app.example"),
            "node.example"
        ));
        assert!(
            !may(&["https://app.example"], Some("http://app.example"), "node.example"),
            "the scheme counts"
        );
        assert!(
            !may(&["https://app.example"], Some("https://app.example:8443"), "node.example"),
            "so does the port"
        );
    }
}
