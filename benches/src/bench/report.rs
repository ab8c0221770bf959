//! The printed tables.

use std::{fmt, time::Duration};

use liaison_testkit::Engine;

/// What was measured on one engine, as Markdown.
#[derive(Debug)]
pub struct Report {
    engine: Engine,
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Row {
    Section(String),
    Line {
        what: String,
        value: String,
        goal: String,
        met: Option<bool>,
    },
}

impl Report {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn section(&mut self, name: &str) {
        self.rows.push(Row::Section(name.to_owned()));
    }

    /// A figure without a goal.
    pub(super) fn line(&mut self, what: impl Into<String>, value: impl Into<String>) {
        self.rows.push(Row::Line {
            what: what.into(),
            value: value.into(),
            goal: String::new(),
            met: None,
        });
    }

    /// A figure, its goal in words, and whether it is met.
    pub(super) fn goal(&mut self, what: impl Into<String>, value: impl Into<String>, goal: &str, met: bool) {
        self.rows.push(Row::Line {
            what: what.into(),
            value: value.into(),
            goal: goal.to_owned(),
            met: Some(met),
        });
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n", self.engine)?;
        let mut open = false;
        for row in &self.rows {
            match row {
                Row::Section(name) => {
                    if open {
                        writeln!(f)?;
                    }
                    writeln!(f, "| {name} | measured | goal | met |\n| --- | ---: | --- | --- |")?;
                    open = true;
                }
                Row::Line { what, value, goal, met } => {
                    let met = match met {
                        Some(true) => "yes",
                        Some(false) => "**no**",
                        None => "",
                    };
                    writeln!(f, "| {what} | {value} | {goal} | {met} |")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// `1.2 ms`.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// `p50 / p99`.
pub(super) fn both(p50: Duration, p99: Duration) -> String {
    format!("{} / {}", millis(p50), millis(p99))
}
