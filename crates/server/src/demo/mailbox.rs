//! The local mailbox as pages: what would have left by mail. Plain HTML without scripts, every value escaped.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use liaison_channels::sinks::{ReceivedMail, SmtpSink};

/// Nothing may be loaded or run, framed or submitted; the page's own style is all.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #999;\
    vertical-align:top;overflow-wrap:anywhere}pre{white-space:pre-wrap;border:1px solid #999;padding:1rem}";

/// The pages `/demo/mailbox` and `/demo/mailbox/{number}`.
pub(crate) fn router(mailbox: Arc<SmtpSink>) -> Router {
    Router::new()
        .route("/demo/mailbox", get(list))
        .route("/demo/mailbox/{number}", get(mail))
        .with_state(mailbox)
}

async fn list(State(mailbox): State<Arc<SmtpSink>>) -> Response {
    let mails = mailbox.mails();
    let mut rows = String::new();
    for (index, mail) in mails.iter().enumerate().rev() {
        let number = index + 1;
        let (date, to, subject) = (
            escaped(mail.header("Date").unwrap_or("-")),
            escaped(&mail.to),
            escaped(&mail.subject),
        );
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{date}</td><td>{to}</td><td><a href=\"/demo/mailbox/{number}\">{subject}</a></td></tr>"
        );
    }
    let count = mails.len();
    let body = format!(
        "<h1>Mailbox</h1><p>{count} mails of the demonstration, newest first. None of them left this machine.</p>\
         <table><thead><tr><th scope=\"col\">Date</th><th scope=\"col\">To</th><th scope=\"col\">Subject</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    page(StatusCode::OK, "Mailbox", &body)
}

async fn mail(State(mailbox): State<Arc<SmtpSink>>, Path(number): Path<String>) -> Response {
    let mails = mailbox.mails();
    let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let Some(mail) = index.and_then(|index| mails.get(index)) else {
        let body = "<h1>No such mail</h1><p><a href=\"/demo/mailbox\">All mails</a></p>";
        return page(StatusCode::NOT_FOUND, "No such mail", body);
    };
    page(StatusCode::OK, &mail.subject, &shown(mail))
}

fn shown(mail: &ReceivedMail) -> String {
    let mut headers = String::new();
    for (name, value) in &mail.headers {
        let _ = write!(
            headers,
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
            escaped(name),
            escaped(value)
        );
    }
    format!(
        "<p><a href=\"/demo/mailbox\">All mails</a></p><h1>{}</h1><pre>{}</pre><h2>Headers</h2><table>{headers}</table>",
        escaped(&mail.subject),
        linked(&escaped(&mail.text)),
    )
}

/// Makes links of the addresses in a mail's escaped text, as a mail program does.
fn linked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end();
            if address.starts_with("http://") || address.starts_with("https://") {
                let rest = &word[address.len()..];
                format!("<a href=\"{address}\">{address}</a>{rest}")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

/// A page of the demonstration's own.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{} - Liaison demonstration</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>",
        escaped(title)
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, Html(html)).into_response()
}

/// Text as HTML, also inside of quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_mail_becomes_markup() {
        assert_eq!(
            escaped("<a href='x'>\"&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;"
        );
    }

    #[test]
    fn addresses_in_a_mail_are_links() {
        assert_eq!(
            linked("Open\nhttp://x.test/l/a_b\nnow"),
            "Open\n<a href=\"http://x.test/l/a_b\">http://x.test/l/a_b</a>\nnow"
        );
    }
}
