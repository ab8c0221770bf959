//! Pages for people, rendered on the server over the use cases of `service`. Thin: no decision is made here.
//!
//! One folder of `pages` is one area of work (board, patients, notes, shares, inbox, audit, ...); each gives its routes.
//! What all pages share stands here: who is signed in (`session`), the frame around a page (`shell`), what a form
//! brings (`form`), how times and numbers are written (`format`), and what every answer carries (`headers`).
//!
//! Rules that hold for every page: a GET changes nothing; every other method carries the session's `csrf` token and the
//! right origin; nothing is cached; no PHI in a URL; every page works without its script.

mod assets;
mod error;
mod form;
pub mod format;
mod guard;
mod headers;
mod live;
mod pages;
mod plot;
mod readings;
mod session;
mod shell;
mod step_up;
mod words;

use std::sync::Arc;

use axum::{Router, middleware};
use liaison_service::Service;
use tower_http::{CompressionLevel, compression::CompressionLayer};

pub use error::WebError;
pub use session::{COOKIE, COOKIE_PLAIN, session_secret};

/// The results of page handlers.
pub(crate) type Result<T, E = WebError> = std::result::Result<T, E>;

/// What every page handler gets.
#[derive(Clone)]
pub(crate) struct Web(Arc<Inner>);

struct Inner {
    service: Service,
    /// Whether people reach the pages by https: then cookies carry `Secure` and the `__Host-` prefix.
    https: bool,
    /// Scheme, host and port of the base URL, as browsers write it into `Origin`.
    origin: String,
    stop: tokio_util::sync::CancellationToken,
}

impl Web {
    /// The use cases.
    pub(crate) fn service(&self) -> &Service {
        &self.0.service
    }

    /// A fresh key for a form, so that sending it twice is one act.
    pub(crate) fn fresh_key(&self) -> String {
        let service = self.service();
        service.store().random().uuid(service.now()).to_string()
    }

    /// Whether people reach the pages by https.
    pub(crate) fn https(&self) -> bool {
        self.0.https
    }

    /// The origin of every page.
    pub(crate) fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Fires when the process stops: streams end then.
    pub(crate) fn stop(&self) -> &tokio_util::sync::CancellationToken {
        &self.0.stop
    }
}

/// Every page, the assets and the stream of changes. `stop` ends the streams.
pub fn router(service: Service, stop: tokio_util::sync::CancellationToken) -> Router {
    let base = &service.settings().base_url;
    let web = Web(Arc::new(Inner {
        https: base.scheme() == "https",
        origin: base.origin().ascii_serialization(),
        service: service.clone(),
        stop,
    }));
    Router::new()
        .merge(pages::routes())
        .merge(live::routes())
        .fallback(error::no_such_page)
        .method_not_allowed_fallback(error::no_such_page)
        .layer(middleware::from_fn_with_state(web.clone(), readings::in_one_commit))
        .layer(middleware::from_fn_with_state(web.clone(), guard::same_origin))
        .layer(middleware::from_fn_with_state(web.clone(), headers::on_pages))
        .merge(assets::routes())
        // Pages of tables grow small. What an attacker could compare lengths of is salted, see `session::csrf_token`.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(web)
}
