//! `/ledger`: the newest signed tree head, the public key, how to verify offline, and the proof that the ledger grew out
//! of a head that somebody kept.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use liaison_domain::access::{Action, Relation, decide};
use liaison_service::{FieldProblem, ServiceError, ledger::ConsistencyAnswer};

use super::{file, problems};
use crate::{
    Result, Web, WebError,
    form::{Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/ledger", get(show))
        .route("/ledger/checkpoint", get(checkpoint))
        .route("/ledger/key", get(vkey))
        .route("/ledger/consistency", post(consistency))
}

#[derive(Template)]
#[template(path = "admin/ledger.html")]
struct LedgerTemplate {
    shell: Shell,
    problems: Problems,
    checkpoint: Option<String>,
    size: u64,
    vkey: String,
    old: String,
    answer: Option<Answer>,
}

struct Answer {
    old: u64,
    new: u64,
    proof: ConsistencyAnswer,
    /// The pasted head is one of ours, as it stands.
    same_root: Option<bool>,
}

/// The size in a checkpoint's second line (C2SP tlog-checkpoint).
fn size(checkpoint: &str) -> Option<u64> {
    checkpoint.lines().nth(1)?.trim().parse().ok()
}

/// The ledger's heads and key are public; the page that explains them is for those who audit.
fn for_auditors(signed: &Signed) -> Result<()> {
    Ok(decide(&signed.actor, Action::ReadAudit, Relation::Own).map_err(ServiceError::from)?)
}

async fn show(State(web): State<Web>, signed: Signed) -> Result<Response> {
    for_auditors(&signed)?;
    page(&web, &signed, String::new(), Vec::new(), None).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    old: String,
    wrong: Vec<FieldProblem>,
    answer: Option<Answer>,
) -> Result<Response> {
    let checkpoint = web.service().latest_checkpoint().await?;
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = LedgerTemplate {
        shell: Shell::new(web, signed, "Proof"),
        problems: Problems::new(wrong),
        size: checkpoint.as_deref().and_then(size).unwrap_or(0),
        checkpoint,
        vkey: web.service().ledger_key().to_owned(),
        old,
        answer,
    };
    shell::page_with(status, &template)
}

async fn checkpoint(State(web): State<Web>, signed: Signed) -> Result<Response> {
    for_auditors(&signed)?;
    let text = web.service().latest_checkpoint().await?.ok_or(WebError::NoPage)?;
    Ok(file("liaison-checkpoint.txt", "text/plain; charset=utf-8", text))
}

async fn vkey(State(web): State<Web>, signed: Signed) -> Result<Response> {
    for_auditors(&signed)?;
    let text = format!("{}\n", web.service().ledger_key());
    Ok(file("liaison-ledger.vkey", "text/plain; charset=utf-8", text))
}

async fn consistency(State(web): State<Web>, post: Post) -> Result<Response> {
    for_auditors(&post.signed)?;
    let pasted = post.fields.text("old").replace("\r\n", "\n");
    let found = match size(&pasted) {
        None => Err(vec![FieldProblem::new(
            "old",
            "UNKNOWN_VALUE",
            "paste a whole checkpoint: its second line is the number of entries",
        )]),
        Some(old) => match web.service().consistency_proof(old, None).await {
            Ok(proof) => Ok((old, proof)),
            Err(ServiceError::Invalid(_)) => Err(vec![FieldProblem::new(
                "old",
                "OUT_OF_RANGE",
                format!(
                    "this checkpoint has {old} entries, more than the ledger has now: it is another ledger's, or entries were lost"
                ),
            )]),
            Err(ServiceError::NotFound(_)) => Err(vec![FieldProblem::new(
                "old",
                "NOT_SEQUENCED_YET",
                "the ledger has no checkpoint yet",
            )]),
            Err(other) => Err(problems(other)?),
        },
    };
    match found {
        Ok((old, proof)) if post.fields.has("download") => {
            let name = format!(
                "liaison-consistency-{old}-{}.json",
                size(&proof.checkpoint).unwrap_or(0)
            );
            Ok(file(&name, "application/json", proof.json))
        }
        Ok((old, proof)) => {
            // A textarea takes the last newline away, which the signature covers.
            match web.service().kept_root(&format!("{pasted}\n")).await {
                Ok(same_root) => {
                    let answer = Answer {
                        old,
                        new: size(&proof.checkpoint).unwrap_or(0),
                        proof,
                        same_root,
                    };
                    page(&web, &post.signed, pasted, Vec::new(), Some(answer)).await
                }
                Err(refused) => {
                    let wrong = problems(refused)?;
                    page(&web, &post.signed, pasted, wrong, None).await
                }
            }
        }
        Err(wrong) => page(&web, &post.signed, pasted, wrong, None).await,
    }
}
