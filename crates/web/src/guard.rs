//! Against cross-site requests, first wall: anything but GET and HEAD must come from our own pages by what the browser
//! says of it (`Sec-Fetch-Site`, else `Origin`). The second wall is the token in each form, see `form`.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{Web, WebError};

/// Refuses what another site made the browser send.
pub(crate) async fn same_origin(State(web): State<Web>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || from_our_pages(request.headers(), web.origin()) {
        next.run(request).await
    } else {
        WebError::CrossSite.into_response()
    }
}

fn from_our_pages(headers: &HeaderMap, origin: &str) -> bool {
    // Browsers set this one themselves; no script can.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    headers.get(header::ORIGIN).is_some_and(|given| given == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_our_own_pages_may_post() {
        let ours = "https://liaison.example";
        assert!(from_our_pages(&headers(&[("sec-fetch-site", "same-origin")]), ours));
        assert!(from_our_pages(&headers(&[("origin", "https://liaison.example")]), ours));
        for pairs in [
            &[] as &[_],
            &[("origin", "null")],
            &[("origin", "https://liaison.example.evil.example")],
            &[("origin", "http://liaison.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://liaison.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!from_our_pages(&headers(pairs), ours), "{pairs:?}");
        }
    }
}
