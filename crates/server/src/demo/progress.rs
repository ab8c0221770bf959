//! The line on standard error that tells how far the story is.

use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, Utc};

use super::board::local;

/// Lines that are told where standard error is no terminal.
const LINES: usize = 10;

/// How far the story is.
pub(crate) struct Progress {
    all: usize,
    told: usize,
    live: bool,
}

impl Progress {
    /// Nothing of `all` happened yet.
    pub(crate) fn new(all: usize) -> Self {
        Self {
            all,
            told: 0,
            live: io::stderr().is_terminal(),
        }
    }

    /// The next thing happens.
    pub(crate) fn show(&mut self, at: DateTime<Utc>, what: &str) {
        self.told += 1;
        let line = format!("{:>3} of {}  {}  {what}", self.told, self.all, local(at));
        let mut error = io::stderr().lock();
        // A closed standard error is no reason to stop.
        let _ = if self.live {
            write!(error, "\r\x1b[K{line}").and_then(|()| error.flush())
        } else if self.told.is_multiple_of(self.all.div_ceil(LINES)) || self.told == self.all {
            writeln!(error, "{line}")
        } else {
            Ok(())
        };
    }

    /// Everything happened.
    pub(crate) fn done(&self) {
        if self.live {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
