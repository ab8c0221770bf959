//! A client of the GraphQL endpoint: the acts that the measurements need, and what came of each.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It was answered: the payload of the one field that was asked for, its `problems` empty.
    Done(Value),
    /// The act was refused, and nothing was done: the codes of the problems.
    Refused(Vec<String>),
    /// It was answered that it cannot be done now (an HTTP status of 429 or 5xx, or `errors`): the codes, or the status.
    /// Whether it was done is not known.
    Failed(String),
    /// No whole answer came. Whether it was done is not known.
    Lost(String),
}

impl Answer {
    /// The payload.
    #[must_use]
    pub fn done(&self) -> Option<&Value> {
        match self {
            Self::Done(payload) => Some(payload),
            _ => None,
        }
    }

    /// Whether the act may or may not have been done: to be repeated with the same key.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Lost(_))
    }
}

/// A client with its connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

impl Client {
    /// A client that waits for an answer for at most `patience`.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn new(patience: Duration) -> Result<Self> {
        crate::prepare();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(patience)
            .connect_timeout(patience.min(Duration::from_secs(2)))
            .build()?;
        Ok(Self { http })
    }

    /// What carries the requests.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Asks for one field, which may have `problems`.
    pub async fn ask(&self, base: &str, token: &str, query: &str, variables: Value) -> Answer {
        let body = json!({"query": query, "variables": variables});
        let sent = self
            .http
            .post(format!("{base}/graphql"))
            .bearer_auth(token)
            .json(&body)
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Answer::Lost(error.to_string()),
        };
        let status = answer.status();
        let read: Value = match answer.json().await {
            Ok(read) => read,
            Err(error) if status.is_success() => return Answer::Lost(error.to_string()),
            Err(_) => return Answer::Failed(status.as_u16().to_string()),
        };
        understand(status.as_u16(), &read)
    }

    /// Shares a signed version with teams that must acknowledge.
    pub async fn share(&self, base: &str, token: &str, version: &str, teams: &[String], key: &str) -> Answer {
        const SHARE: &str = "mutation($i:ShareNoteInput!){shareNote(input:$i){share{id recipients{id toTeam{id}}} problems{path code message}}}";
        let recipients: Vec<Value> = teams
            .iter()
            .map(|team| json!({"teamId": team, "duty": "REQUIRED"}))
            .collect();
        let input = json!({"noteVersionId": version, "recipients": recipients, "idempotencyKey": key});
        self.ask(base, token, SHARE, json!({"i": input})).await
    }

    /// Opens a loop as one of its recipients.
    pub async fn open(&self, base: &str, token: &str, recipient: &str) -> Answer {
        const OPEN: &str = "mutation($i:OpenShareInput!){openShare(input:$i)\
             {recipient{id level noteVersionId} problems{path code message}}}";
        self.ask(base, token, OPEN, json!({"i": {"recipientId": recipient}}))
            .await
    }

    /// Acknowledges what was opened.
    pub async fn acknowledge(&self, base: &str, token: &str, recipient: &str, version: &str, key: &str) -> Answer {
        const ACKNOWLEDGE: &str = "mutation($i:AcknowledgeInput!){acknowledge(input:$i)\
             {acknowledgmentId recipient{id level} problems{path code message}}}";
        let input = json!({
            "recipientId": recipient,
            "noteVersionId": version,
            "dispositions": ["REVIEWED_NO_CHANGE"],
            "idempotencyKey": key,
        });
        self.ask(base, token, ACKNOWLEDGE, json!({"i": input})).await
    }

    /// Takes a share back.
    pub async fn recall(&self, base: &str, token: &str, share: &str, key: &str) -> Answer {
        const RECALL: &str = "mutation($i:RecallShareInput!){recallShare(input:$i)\
             {share{id recalledAt} unopened told problems{path code message}}}";
        let input = json!({"shareId": share, "reason": "Sent in error (synthetic).", "idempotencyKey": key});
        self.ask(base, token, RECALL, json!({"i": input})).await
    }

    /// Begins an amendment of a note.
    pub async fn amend(&self, base: &str, token: &str, note: &str, key: &str) -> Answer {
        const AMEND: &str = "mutation($i:AmendNoteInput!){amendNote(input:$i)\
             {note{id} revision fromVersionId problems{path code message}}}";
        self.ask(
            base,
            token,
            AMEND,
            json!({"i": {"noteId": note, "idempotencyKey": key}}),
        )
        .await
    }

    /// Signs an amendment.
    pub async fn sign_amendment(&self, base: &str, token: &str, note: &str, revision: i64, key: &str) -> Answer {
        const SIGN: &str = "mutation($i:SignAmendmentInput!){signAmendment(input:$i)\
             {noteVersion{id} problems{path code message}}}";
        let input = json!({
            "noteId": note,
            "expectedRevision": revision,
            "reason": "A dose was corrected (synthetic).",
            "idempotencyKey": key,
        });
        self.ask(base, token, SIGN, json!({"i": input})).await
    }

    /// Reads a loop.
    pub async fn recipient(&self, base: &str, token: &str, recipient: &str) -> Answer {
        const READ: &str = "query($id:ID!){recipient(id:$id){id level outcome isOpen openedAt acknowledgedAt}}";
        self.ask(base, token, READ, json!({"id": recipient})).await
    }
}

/// Reads a GraphQL answer for one field.
fn understand(status: u16, answer: &Value) -> Answer {
    if let Some(errors) = answer["errors"].as_array().filter(|errors| !errors.is_empty()) {
        let code = |error: &Value| {
            error["extensions"]["code"]
                .as_str()
                .map_or_else(|| error["message"].to_string(), str::to_owned)
        };
        let codes: Vec<String> = errors.iter().map(code).collect();
        return Answer::Failed(format!("{status} {}", codes.join(" ")));
    }
    let Some(payload) = answer["data"].as_object().and_then(|data| data.values().next()) else {
        return Answer::Failed(status.to_string());
    };
    match payload["problems"].as_array().filter(|problems| !problems.is_empty()) {
        None => Answer::Done(payload.clone()),
        Some(problems) => Answer::Refused(
            problems
                .iter()
                .map(|problem| problem["code"].as_str().unwrap_or("?").to_owned())
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_done_refused_or_unknown() {
        let done = json!({"data": {"shareNote": {"share": {"id": "s"}, "problems": []}}});
        assert!(understand(200, &done).done().is_some());
        let refused = json!({"data": {"shareNote": {"share": null, "problems": [{"code": "REQUIRED"}]}}});
        assert_eq!(understand(200, &refused), Answer::Refused(vec!["REQUIRED".to_owned()]));
        let failed = json!({"data": null, "errors": [{"message": "x", "extensions": {"code": "INTERNAL"}}]});
        assert_eq!(understand(200, &failed), Answer::Failed("200 INTERNAL".to_owned()));
        assert!(understand(503, &json!({})).is_unknown());
    }
}
