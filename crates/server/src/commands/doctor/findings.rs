//! What the checks found, and how it is told: for people, or as JSON for a machine.

use serde::Serialize;

use crate::{exit, out};

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One finding.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What the checks found so far.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

/// The whole report, as `--json` prints it.
#[derive(Serialize)]
struct Report<'f> {
    findings: &'f [Finding],
    ok: usize,
    warnings: usize,
    failures: usize,
}

impl Findings {
    /// All is well.
    pub(super) fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Verdict::Ok, text.into(), None);
    }

    /// It works, and somebody should look.
    pub(super) fn warn(&mut self, check: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Verdict::Warn, text.into(), Some(advice.into()));
    }

    /// It does not work, or is not safe.
    pub(super) fn fail(&mut self, check: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(check, Verdict::Fail, text.into(), Some(advice.into()));
    }

    fn add(&mut self, check: &'static str, verdict: Verdict, found: String, advice: Option<String>) {
        self.0.push(Finding {
            check,
            verdict,
            found,
            advice,
        });
    }

    fn count(&self, wanted: Verdict) -> usize {
        self.0.iter().filter(|finding| finding.verdict == wanted).count()
    }

    /// Prints everything. An error where something failed, so that the exit code says it too.
    pub(super) fn tell(&self, json: bool) -> anyhow::Result<()> {
        let report = Report {
            findings: &self.0,
            ok: self.count(Verdict::Ok),
            warnings: self.count(Verdict::Warn),
            failures: self.count(Verdict::Fail),
        };
        if json {
            out::line(serde_json::to_string_pretty(&report)?)?;
        } else {
            self.lines(&report)?;
        }
        match report.failures {
            0 => Ok(()),
            _ => Err(exit::Told.into()),
        }
    }

    fn lines(&self, report: &Report<'_>) -> anyhow::Result<()> {
        for finding in &self.0 {
            let word = match finding.verdict {
                Verdict::Ok => "OK",
                Verdict::Warn => "WARN",
                Verdict::Fail => "FAIL",
            };
            let mut lines = finding.found.lines();
            let first = lines.next().unwrap_or_default();
            out::line(format_args!("{word:<5} {:<14} {first}", finding.check))?;
            for line in lines {
                out::line(format_args!("{:<20} {}", "", line.trim()))?;
            }
            if let Some(advice) = &finding.advice {
                out::line(format_args!("{:<20} -> {advice}", ""))?;
            }
        }
        out::line(format_args!(
            "{} checks: {} ok, {} warnings, {} failures",
            self.0.len(),
            report.ok,
            report.warnings,
            report.failures
        ))
    }
}

#[cfg(test)]
impl Findings {
    /// The worst verdict so far.
    pub(super) fn worst(&self) -> &'static str {
        match (self.count(Verdict::Fail), self.count(Verdict::Warn)) {
            (0, 0) => "ok",
            (0, _) => "warn",
            _ => "fail",
        }
    }
}
