//! `liaison schema`: the GraphQL schema's text.

use std::path::PathBuf;

use clap::Args;

use super::read_text;
use crate::{exit, out};

/// Print the GraphQL schema (SDL), or compare a file with it.
#[derive(Args)]
#[command(after_long_help = format!("Examples:\n  liaison schema > schema.graphql\n  liaison schema --check schema.graphql\n\n{}", exit::HELP))]
pub(crate) struct Schema {
    /// Compare this file with the schema of this version; exit code 1 when they differ.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

impl Schema {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let own = format!("{}\n", liaison_graphql::sdl().trim_end());
        let Some(path) = self.check else { return out::text(&own) };
        let theirs = read_text(&path)?;
        let shown = path.display();
        let normal = |text: &str| text.trim_end().replace("\r\n", "\n");
        if normal(&theirs) == normal(&own) {
            return out::line(format_args!("{shown}: the same schema"));
        }
        let differing = own
            .lines()
            .zip(theirs.lines())
            .position(|(own, theirs)| own != theirs.trim_end_matches('\r'));
        let line = differing.unwrap_or_else(|| own.lines().count().min(theirs.lines().count())) + 1;
        anyhow::bail!("{shown}: differs from this version's schema at line {line}; run `liaison schema > {shown}`")
    }
}
