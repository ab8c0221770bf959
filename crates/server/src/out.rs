//! Standard output, for results alone. What happens meanwhile is told on standard error by `tracing`.

use std::io::{self, Write};

/// Writes a line. A reader that went away (`liaison ... | head`) is an error like any other, and ends the command.
pub(crate) fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Writes a text as it is.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a line to standard error: how a command failed, or what a person should know before they go on.
pub(crate) fn complain(text: impl std::fmt::Display) {
    // Nowhere is left to tell that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
