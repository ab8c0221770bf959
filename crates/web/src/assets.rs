//! Style and script: built into the binary, served under a name that holds their hash, so that a browser may keep them.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::Web;

struct Asset {
    /// The name without its hash, such as `app.css`.
    name: &'static str,
    media: &'static str,
    text: &'static str,
    /// `/assets/<hash>/<name>`.
    path: String,
}

fn asset(name: &'static str, media: &'static str, text: &'static str) -> Asset {
    let hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..9]);
    Asset {
        path: format!("/assets/{hash}/{name}"),
        name,
        media,
        text,
    }
}

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset("app.css", CSS, include_str!("../assets/app.css")),
        asset("app.js", JAVASCRIPT, include_str!("../assets/app.js")),
        asset("editor.js", JAVASCRIPT, include_str!("../assets/editor.js")),
        asset("passkey.js", JAVASCRIPT, include_str!("../assets/passkey.js")),
        asset("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ]
});

/// The address of an asset, with its hash.
pub(crate) fn path(name: &str) -> &'static str {
    ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .map_or("", |asset| asset.path.as_str())
}

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/assets/{hash}/{name}", get(serve))
}

async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let wanted = format!("/assets/{hash}/{name}");
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == wanted) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The address holds the hash: what was once fetched stays right.
    let etag = format!("\"{hash}\"");
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|given| given.as_bytes() == etag.as_bytes())
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    (
        [
            (header::CONTENT_TYPE, asset.media.to_owned()),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
            (header::ETAG, etag),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ],
        asset.text,
    )
        .into_response()
}
