//! The audit search as CSV (RFC 4180) for a spreadsheet. It proves nothing; the export with proofs does.

use liaison_domain::{
    Actor, EntryId,
    access::{Action, Relation},
};
use liaison_store::ledger as rows;

use crate::{
    Result, Service,
    audit::{AuditEntry, AuditFilter},
};

/// How many entries are loaded at a time.
const BATCH: u32 = 500;

const HEADER: &str = "index,recorded_at,action,outcome,actor_kind,user_id,role,actor_organization_id,organization_id,\
purpose,patient_id,note_id,note_version_id,share_id,recipient_id,object_id,request_id,peer,session_id,channel,entry_id,detail\r\n";

/// A CSV export under way; see [`CsvExport::next`].
pub struct CsvExport {
    service: Service,
    filter: rows::EntryFilter,
    header_made: bool,
    done: bool,
    /// The entry that records this export.
    pub entry_id: EntryId,
}

impl Service {
    /// Begins an export of the entries that fit, newest first, as CSV in UTF-8, for admins and auditors. Recorded
    /// (`audit.export`) before anything leaves.
    pub async fn export_csv(&self, actor: &Actor, filter: AuditFilter) -> Result<CsvExport> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let compiled = filter.compile(self.audit_scope(actor)?)?;
        let detail = vec![("format", "csv".to_owned())];
        let entry_id = self
            .record_audit(actor, "audit.export", &filter, &compiled, detail)
            .await?;
        Ok(CsvExport {
            service: self.clone(),
            filter: compiled,
            header_made: false,
            done: false,
            entry_id,
        })
    }
}

impl CsvExport {
    /// The next piece, whole lines; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<String>> {
        if !self.header_made {
            self.header_made = true;
            return Ok(Some(HEADER.to_owned()));
        }
        if self.done {
            return Ok(None);
        }
        let found = {
            let mut conn = self.service.read().await?;
            rows::search(&mut conn, &self.filter, BATCH).await?
        };
        self.done = found.len() < BATCH as usize;
        self.filter.after = found.last().map(|row| (row.recorded_at, row.id));
        let mut lines = String::new();
        for row in found {
            line(&mut lines, &AuditEntry::from_row(row)?);
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}

fn line(out: &mut String, entry: &AuditEntry) {
    let text = |id: &Option<String>| id.clone().unwrap_or_default();
    let detail: Vec<String> = entry
        .detail
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let cells = [
        entry.index.map(|index| index.to_string()).unwrap_or_default(),
        entry.recorded_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        entry.action.clone(),
        entry.outcome.clone(),
        entry.actor_kind.to_string(),
        shown(entry.user_id),
        text(&entry.role),
        shown(entry.actor_organization_id),
        shown(entry.organization_id),
        entry.purpose.to_string(),
        shown(entry.patient_id),
        shown(entry.note_id),
        shown(entry.note_version_id),
        shown(entry.share_id),
        shown(entry.recipient_id),
        text(&entry.object_id),
        text(&entry.request_id),
        text(&entry.peer),
        shown(entry.session_id),
        text(&entry.channel),
        entry.id.to_string(),
        detail.join("; "),
    ];
    let cells: Vec<String> = cells.iter().map(|value| csv_cell(value)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

fn shown<T: std::fmt::Display>(id: Option<T>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// One cell of a CSV file, quoted where it needs quotes. A value that a spreadsheet would take for a formula gets an apostrophe in front (OWASP "CSV injection"):
/// request ids and addresses come from outside.
pub fn csv_cell(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\r', '\n', ';', '\'']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_line() {
        for (value, expected) in [
            ("share.create", "share.create"),
            ("", ""),
            ("=HYPERLINK(\"http://x\",1)", "\"'=HYPERLINK(\"\"http://x\"\",1)\""),
            ("+1", "\"'+1\""),
            ("-2+3", "\"'-2+3\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "\"'＝1\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(csv_cell(value), expected, "{value:?}");
        }
    }
}
