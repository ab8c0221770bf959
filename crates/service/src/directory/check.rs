//! Checks of what people enter into the directory; all problems at once.

use chrono_tz::Tz;
use liaison_domain::{Role, calendar::Calendar};
use url::Url;

use crate::{FieldProblem, Result, ServiceError};

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest URL, in bytes; channels refuse longer ones.
const MAX_URL: usize = 2_048;

/// Gathers problems while an input is read.
#[derive(Default)]
pub(super) struct Check(Vec<FieldProblem>);

impl Check {
    pub(super) fn problem(&mut self, path: &str, code: &str, message: impl Into<String>) {
        self.0.push(FieldProblem::new(path, code, message));
    }

    pub(super) fn unknown_id(&mut self, path: impl Into<String>) {
        self.0.push(FieldProblem::unknown_id(path));
    }

    /// A required line of text, trimmed: 1 to 200 characters without controls.
    pub(super) fn name(&mut self, path: &str, value: &str) -> String {
        let value = value.trim();
        if value.is_empty() {
            self.0.push(FieldProblem::required(path));
        } else if value.chars().count() > MAX_NAME {
            self.problem(path, "OUT_OF_RANGE", format!("at most {MAX_NAME} characters"));
        } else if value.chars().any(unprintable) {
            self.problem(
                path,
                "INVALID_TEXT",
                "line breaks and control characters are not allowed",
            );
        }
        value.to_owned()
    }

    /// A telephone number as people write it: 5 to 20 digits, with `+ ( ) - . /`, spaces and an extension (`x` or `ext`).
    pub(super) fn phone(&mut self, path: &str, value: Option<&str>) -> Option<String> {
        let value = value.map(str::trim).filter(|value| !value.is_empty())?;
        let digits = value.chars().filter(char::is_ascii_digit).count();
        let plain = value.chars().all(|c| c.is_ascii_digit() || "+()-./ ext".contains(c));
        if !plain || !(5..=20).contains(&digits) || value.len() > 40 {
            self.problem(path, "INVALID_PHONE", "5 to 20 digits, such as +1 555 010 0100 x12");
        }
        Some(value.to_owned())
    }

    /// An IANA time zone.
    pub(super) fn zone(&mut self, path: &str, value: &str) -> Option<Tz> {
        let zone = value.trim().parse().ok();
        if zone.is_none() {
            self.problem(path, "UNKNOWN_TIME_ZONE", "an IANA time zone, such as America/Chicago");
        }
        zone
    }

    /// An e-mail address: RFC 5321 `Mailbox` with a dot-string before the `@` and a host name behind it. The host name
    /// becomes lower case.
    pub(super) fn email(&mut self, path: &str, value: &str) -> String {
        let value = value.trim();
        if value.is_empty() {
            self.0.push(FieldProblem::required(path));
        } else if !is_mailbox(value) {
            self.problem(path, "INVALID_EMAIL", "an address such as first.last@example.org");
        }
        match value.rsplit_once('@') {
            Some((local, host)) => format!("{local}@{}", host.to_ascii_lowercase()),
            None => value.to_owned(),
        }
    }

    /// A webhook's URL: `https` (or `http` where allowed), a host, no user info and no fragment.
    pub(super) fn webhook_url(&mut self, path: &str, value: &str, allow_http: bool) -> String {
        let value = value.trim();
        match url_problem(value, allow_http) {
            Some(message) => self.problem(path, "INVALID_URL", message),
            None => return Url::parse(value).map_or_else(|_| value.to_owned(), |url| url.to_string()),
        }
        value.to_owned()
    }

    /// A calendar.
    pub(super) fn calendar(&mut self, path: &str, calendar: &Calendar) {
        if let Err(problem) = calendar.check() {
            self.problem(
                &format!("{path}.{}", problem.field),
                "INVALID_CALENDAR",
                problem.message,
            );
        }
        if calendar.working_days.len() > 7 {
            self.problem(&format!("{path}.workingDays"), "OUT_OF_RANGE", "each day at most once");
        }
    }

    /// Roles: at least one, each once; in their order.
    pub(super) fn roles(&mut self, path: &str, roles: &[Role]) -> Vec<Role> {
        let mut sorted = roles.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() {
            self.problem(path, "REQUIRED", "at least one role");
        } else if sorted.len() < roles.len() {
            self.problem(path, "DUPLICATE", "each role at most once");
        }
        sorted
    }

    /// An hour of the day.
    pub(super) fn hour(&mut self, path: &str, hour: Option<u32>) {
        if hour.is_some_and(|hour| hour > 23) {
            self.problem(path, "OUT_OF_RANGE", "an hour from 0 to 23");
        }
    }

    /// Every problem there was.
    pub(super) fn done(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::Invalid(self.0))
        }
    }
}

/// What somebody who came in by a secure link says about themself: name, profession, e-mail address, number.
pub(crate) fn check_visitor(
    name: &str,
    profession: &str,
    work_email: Option<&str>,
    phone: Option<&str>,
) -> Result<(String, String, Option<String>, Option<String>)> {
    let mut check = Check::default();
    let name = check.name("name", name);
    let profession = check.name("profession", profession);
    let work_email = work_email
        .filter(|email| !email.trim().is_empty())
        .map(|email| check.email("workEmail", email));
    let phone = check.phone("phone", phone);
    check.done()?;
    Ok((name, profession, work_email, phone))
}

/// Controls, and the marks that turn the direction of text around (Unicode bidi controls), by which a name can be made
/// to read as another.
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_mailbox(value: &str) -> bool {
    let Some((local, host)) = value.rsplit_once('@') else {
        return false;
    };
    let atom = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    // RFC 5321 section 4.5.3.1: 64 octets before the @, and 256 for a path with its angle brackets.
    value.len() <= 254
        && local.len() <= 64
        && local.split('.').all(atom)
        && host.contains('.')
        && host.split('.').all(label)
}

fn url_problem(value: &str, allow_http: bool) -> Option<&'static str> {
    if value.is_empty() {
        return Some("this is required");
    }
    if value.len() > MAX_URL {
        return Some("at most 2048 bytes");
    }
    // The URL standard drops or mends these; what is kept would not be what was entered.
    let mended = value.contains('\\') || value.split_once("://").is_some_and(|(_, rest)| rest.starts_with('/'));
    if mended || value.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("spaces, control characters and backslashes are not allowed");
    }
    let Ok(url) = Url::parse(value) else {
        return Some("a URL in full, such as https://example.org/liaison");
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        _ => return Some("must begin with https:"),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Some("a URL in full, such as https://example.org/liaison");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not carry a user name or password; the calls are signed");
    }
    if url.fragment().is_some() {
        return Some("must not end with a #fragment, which never reaches the server");
    }
    (url.port() == Some(0)).then_some("port 0 cannot be called")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes() {
        for good in [
            "a@example.org",
            "first.last+tag@sub.example.org",
            "o'neil@example-1.test",
        ] {
            assert!(is_mailbox(good), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@example.org",
            "a@",
            "a@localhost",
            "a..b@example.org",
            ".a@example.org",
            "a b@example.org",
            "a@-example.org",
            "a@exa_mple.org",
            "a@example..org",
            "a@b@example.org\r\nBcc: c@d.ef",
            "ä@example.org",
            "\"a b\"@example.org",
            &long,
        ] {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }

    #[test]
    fn webhook_urls() {
        assert_eq!(url_problem("https://hooks.example.org/liaison?a=1", false), None);
        assert_eq!(url_problem("http://127.0.0.1:8080/", true), None);
        for bad in [
            "",
            "hooks.example.org",
            "http://example.org/",
            "ftp://example.org/",
            "https://user@example.org/",
            "https://:secret@example.org/",
            "https://example.org/#part",
            "https:\\\\example.org",
            "https:///path",
            "https://example.org:0/",
            "https://exa mple.org/",
            "javascript:alert(1)",
        ] {
            assert!(url_problem(bad, false).is_some(), "{bad}");
        }
    }

    #[test]
    fn telephones_names_and_hours() {
        let mut check = Check::default();
        assert_eq!(
            check.phone("phone", Some(" +1 (555) 010-0100 x12 ")).as_deref(),
            Some("+1 (555) 010-0100 x12")
        );
        assert_eq!(check.phone("phone", Some("  ")), None);
        assert_eq!(check.name("name", "  Dr. Imogen Sampleton "), "Dr. Imogen Sampleton");
        assert!(check.done().is_ok());
        let mut check = Check::default();
        check.phone("phone", Some("call me"));
        check.phone("phone", Some("12"));
        check.name("name", "a\nb");
        check.name("name", "good\u{202e}live");
        check.name("name", &"x".repeat(201));
        check.hour("digestHour", Some(24));
        let Err(ServiceError::Invalid(problems)) = check.done() else {
            panic!("problems")
        };
        assert_eq!(problems.len(), 6);
    }
}
