//! Reads the mails that this crate writes: headers (RFC 5322), encoded words (RFC 2047) and text parts. It is not a
//! reader for mail in general.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A mail as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// Envelope sender, without angle brackets.
    pub mail_from: String,
    /// Envelope recipients, without angle brackets.
    pub rcpt_to: Vec<String>,
    /// The mail as it was sent, dot-stuffing undone.
    pub raw: String,
    /// Headers in order, unfolded, values as they stand.
    pub headers: Vec<(String, String)>,
    /// `Message-ID` without angle brackets.
    pub message_id: String,
    /// `To`.
    pub to: String,
    /// `Subject`, decoded.
    pub subject: String,
    /// The `text/plain` part, decoded, with `\n` at line ends.
    pub text: String,
    /// The `text/html` part, decoded, with `\n` at line ends.
    pub html: String,
}

impl ReceivedMail {
    /// Reads a mail.
    pub(crate) fn read(mail_from: String, rcpt_to: Vec<String>, raw: Vec<u8>) -> Self {
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let (headers, body) = split(&raw);
        let message_id = find(&headers, "Message-ID").unwrap_or_default();
        let mut mail = Self {
            mail_from,
            rcpt_to,
            message_id: message_id.trim_matches(['<', '>']).to_owned(),
            to: find(&headers, "To").unwrap_or_default().to_owned(),
            subject: decoded_words(find(&headers, "Subject").unwrap_or_default()),
            text: String::new(),
            html: String::new(),
            raw: String::new(),
            headers: Vec::new(),
        };
        match boundary(&headers) {
            None => mail.keep_part(&headers, body),
            Some(boundary) => {
                // The first piece is the preamble, the last begins with the closing "--".
                for piece in body
                    .split(&format!("--{boundary}"))
                    .skip(1)
                    .filter(|piece| !piece.starts_with("--"))
                {
                    let (part_headers, part) = split(piece.trim_start_matches("\r\n"));
                    // The line end before a boundary belongs to the boundary.
                    mail.keep_part(&part_headers, part.strip_suffix("\r\n").unwrap_or(part));
                }
            }
        }
        mail.headers = headers;
        mail.raw = raw;
        mail
    }

    /// The first header of that name, upper or lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    fn keep_part(&mut self, headers: &[(String, String)], body: &str) {
        let bytes = match find(headers, "Content-Transfer-Encoding")
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "quoted-printable" => quoted_printable(body, false),
            "base64" => {
                let packed: String = body.split_whitespace().collect();
                STANDARD.decode(packed).unwrap_or_default()
            }
            _ => body.as_bytes().to_vec(),
        };
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let kind = find(headers, "Content-Type")
            .unwrap_or("text/plain")
            .to_ascii_lowercase();
        if kind.starts_with("text/html") {
            self.html = text;
        } else {
            self.text = text;
        }
    }
}

/// Headers, unfolded, and what follows them.
fn split(mail: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        match headers.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim_start());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    headers.push((name.to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    (headers, body)
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn boundary(headers: &[(String, String)]) -> Option<String> {
    let (_, rest) = find(headers, "Content-Type")?.split_once("boundary=")?;
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?.to_owned(),
        None => rest.split(';').next()?.trim().to_owned(),
    })
}

/// Quoted-printable (RFC 2045 section 6.7); in a header word `_` is a space (RFC 2047 section 4.2).
fn quoted_printable(text: &str, in_word: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3);
        match (byte, hex) {
            (b'=', Some(b"\r\n")) => at += 3,
            (b'=', Some(pair)) => {
                let value = std::str::from_utf8(pair)
                    .ok()
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                match value {
                    Some(value) => {
                        out.push(value);
                        at += 3;
                    }
                    None => {
                        out.push(byte);
                        at += 1;
                    }
                }
            }
            (b'_', _) if in_word => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Decodes `=?utf-8?b?...?=` and `=?utf-8?q?...?=`; the space between two such words falls away.
fn decoded_words(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut after_word = false;
    for token in value.split(' ') {
        let word = decoded_word(token);
        let joined = after_word && word.is_some();
        if !bytes.is_empty() && !joined {
            bytes.push(b' ');
        }
        after_word = word.is_some();
        bytes.extend(word.unwrap_or_else(|| token.as_bytes().to_vec()));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn decoded_word(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    match encoding {
        "b" | "B" => STANDARD.decode(text).ok(),
        "q" | "Q" => Some(quoted_printable(text, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_parts_are_decoded() {
        assert_eq!(
            decoded_words("=?utf-8?b?w6TDtg==?= =?utf-8?Q?_=C3=BC?= plain"),
            "äö ü plain"
        );
        assert_eq!(quoted_printable("a=3Db=\r\nc=zz", false), b"a=bc=zz");
    }

    #[test]
    fn a_mail_without_headers_or_parts_does_no_harm() {
        let mail = ReceivedMail::read(String::new(), Vec::new(), b"no header\r\n\r\nbody".to_vec());
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("", "body"));
        ReceivedMail::read(
            String::new(),
            Vec::new(),
            b"Content-Type: multipart/mixed; boundary=\"x\r\n\r\n--".to_vec(),
        );
    }
}
