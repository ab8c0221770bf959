//! `/audit/export`: what a search found, to keep: CSV for a spreadsheet, NDJSON with proofs, or a bundle with
//! everything that is needed to check it with the network cable out. Every export is itself an entry.

use axum::{Router, extract::State, response::Response, routing::post};
use futures::{Stream, stream};
use liaison_service::{
    ServiceError,
    ledger::{CsvExport, ExportLedger, LedgerExport},
};

use super::{audit_query::AuditQuery, download, zip::Zip};
use crate::{Result, Web, WebError, form::Post};

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/audit/export", post(export))
}

/// Proof files are held until the entries are written; more than this and the bundle leaves the rest out, whose proofs
/// stand in its NDJSON all the same.
const MOST_PROOFS: usize = 2_000;

async fn export(State(web): State<Web>, post: Post) -> Result<Response> {
    let query = AuditQuery::read(&post.fields);
    let (filter, problems) = query.filter(post.signed.zone);
    if !problems.is_empty() {
        return Err(ServiceError::Invalid(problems).into());
    }
    let (service, actor) = (web.service(), &post.signed.actor);
    let day = post.signed.zone.today(service.now()).format("%Y-%m-%d");
    match post.fields.text("format") {
        "csv" => {
            let export = service.export_csv(actor, filter).await?;
            download(
                &format!("liaison-audit-{day}.csv"),
                "text/csv; charset=utf-8",
                csv(export),
            )
        }
        "ndjson" => {
            let export = service.export_ledger(actor, proven(filter)).await?;
            download(
                &format!("liaison-audit-{day}.ndjson"),
                "application/x-ndjson",
                ndjson(export),
            )
        }
        "bundle" => {
            let export = service.export_ledger(actor, proven(filter)).await?;
            let key = service.ledger_key().to_owned();
            download(
                &format!("liaison-audit-{day}.zip"),
                "application/zip",
                bundle(export, key),
            )
        }
        _ => Err(WebError::NoPage),
    }
}

fn proven(filter: liaison_service::audit::AuditFilter) -> ExportLedger {
    ExportLedger {
        filter,
        ..ExportLedger::default()
    }
}

/// Ends the answer in the middle, so that nobody takes a part for the whole.
fn cut(error: ServiceError) -> ServiceError {
    tracing::error!(error = %error, "an export was cut off");
    error
}

fn csv(export: CsvExport) -> impl Stream<Item = Result<String, ServiceError>> {
    stream::try_unfold(export, |mut export| async move {
        Ok(export.next().await.map_err(cut)?.map(|lines| (lines, export)))
    })
}

fn ndjson(export: LedgerExport) -> impl Stream<Item = Result<String, ServiceError>> {
    stream::try_unfold(export, |mut export| async move {
        Ok(export.next().await.map_err(cut)?.map(|lines| (lines, export)))
    })
}

struct Bundle {
    export: LedgerExport,
    key: String,
    zip: Zip,
    proofs: Vec<(u64, String)>,
    left_out: usize,
    step: Step,
}

enum Step {
    Entries,
    Proofs,
    Done,
}

fn bundle(mut export: LedgerExport, key: String) -> impl Stream<Item = Result<Vec<u8>, ServiceError>> {
    export.keep_proofs();
    let mut zip = Zip::default();
    let mut first = zip.file("checkpoint.txt", export.checkpoint().as_bytes());
    first.extend(zip.file("log.vkey", format!("{key}\n").as_bytes()));
    first.extend(zip.file("policy.txt", format!("log {key}\nquorum none\n").as_bytes()));
    first.extend(zip.begin("export.ndjson"));
    let state = Bundle {
        export,
        key,
        zip,
        proofs: Vec::new(),
        left_out: 0,
        step: Step::Entries,
    };
    let begun = stream::iter([Ok(first)]);
    let rest = stream::try_unfold(state, |mut state| async move {
        Ok(state.next().await.map_err(cut)?.map(|piece| (piece, state)))
    });
    futures::StreamExt::chain(begun, rest)
}

impl Bundle {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ServiceError> {
        match self.step {
            Step::Entries => {
                let lines = self.export.next().await?;
                for proof in self.export.take_proofs() {
                    if self.proofs.len() < MOST_PROOFS {
                        self.proofs.push(proof);
                    } else {
                        self.left_out += 1;
                    }
                }
                Ok(Some(match lines {
                    Some(lines) => self.zip.piece(lines.into_bytes()),
                    None => {
                        self.step = Step::Proofs;
                        self.zip.end()
                    }
                }))
            }
            Step::Proofs => {
                let mut out = Vec::new();
                for (index, proof) in std::mem::take(&mut self.proofs) {
                    out.extend(self.zip.file(&format!("proofs/{index}.tlog-proof"), proof.as_bytes()));
                }
                let readme = readme(&self.key, self.left_out);
                out.extend(self.zip.file("README.txt", readme.as_bytes()));
                out.extend(std::mem::take(&mut self.zip).finish());
                self.step = Step::Done;
                Ok(Some(out))
            }
            Step::Done => Ok(None),
        }
    }
}

fn readme(key: &str, left_out: usize) -> String {
    let left_out = if left_out == 0 {
        String::new()
    } else {
        format!(
            "\nproofs/ holds the first {MOST_PROOFS} entries; the other {left_out} stand in export.ndjson with theirs.\n"
        )
    };
    format!(
        "\
Entries of a Liaison ledger, with their proofs
==============================================

export.ndjson       one entry a line, each with its leaf and the hashes that lead to the checkpoint
checkpoint.txt      the signed tree head (C2SP tlog-checkpoint)
log.vkey            the log's public key (C2SP signed-note):
                    {key}
policy.txt          the same as a C2SP tlog-policy
proofs/N.tlog-proof the proof of entry N alone (C2SP tlog-proof)
{left_out}
Nothing here needs the network or the database. Take the public key from somewhere else than this archive, such as the
clinic's own page or an earlier receipt, and compare it with log.vkey. Then check in one of three ways:

1. With Liaison:
     liaison ledger verify export export.ndjson --key-file log.vkey
   Exit code 0: every entry stood in the signed tree, unchanged. 1: it did not, and the line is named.

2. With any tool that reads C2SP tlog-proof: give it log.vkey (or policy.txt), proofs/N.tlog-proof and, as the leaf, the
   bytes that \"leaf\" holds in base64 in the line of export.ndjson whose \"index\" is N.

3. By hand, by RFC 6962 section 2.1 and any Ed25519 library:
   - leaf hash = SHA-256(0x00 || leaf bytes)
   - go up the tree with \"proof\", node hash = SHA-256(0x01 || left || right); the result is the third line of
     checkpoint.txt in base64
   - the signature's text in checkpoint.txt is everything up to and with the newline before the empty line; the last 64
     bytes of the base64 behind the signer's name sign it with the last 32 bytes of the key.

The entries hold ids and codes, no clinical content.
"
    )
}
