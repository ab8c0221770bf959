//! Who somebody is: signing in, the second step, single-use links, the own account and its sessions.

mod own;
mod passkey;
mod password;
mod session;
mod sign_in;

use axum::Router;
use liaison_service::ServiceError;

use crate::Web;

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .merge(sign_in::routes())
        .merge(password::routes())
        .merge(session::routes())
        .merge(own::routes())
        .merge(passkey::routes())
}

/// A path of ours to go on with; anything else leads to the start, so that no link of ours leads elsewhere.
fn next_path(given: &str) -> String {
    let ours = given.starts_with('/')
        && !given.starts_with("//")
        && !given.contains('\\')
        && !given.chars().any(char::is_control)
        && !given.starts_with("/sign-");
    if ours { given.to_owned() } else { "/".to_owned() }
}

/// What the pages say of a refused attempt: alike for every reason that could tell an attacker something.
fn refusal(error: &ServiceError) -> Option<String> {
    match error {
        ServiceError::Unauthenticated => Some("That does not match. Look at what you typed and try again.".to_owned()),
        ServiceError::Invalid(problems) => Some(
            problems
                .iter()
                .map(|problem| crate::error::capital(&problem.message))
                .collect::<Vec<_>>()
                .join(" "),
        ),
        ServiceError::Conflict { message, .. } => Some(crate::error::capital(message)),
        error if error.code() == "THROTTLED" => Some(crate::error::capital(&error.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_gone_on_with() {
        assert_eq!(next_path("/inbox/loop_1?a=b"), "/inbox/loop_1?a=b");
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\nb",
            "javascript:1",
            "/sign-out",
        ] {
            assert_eq!(next_path(bad), "/", "{bad}");
        }
    }
}
