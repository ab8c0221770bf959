//! What a run came to, and how it is told.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{Wanted, bed::Resumed};

/// Work that a restart interrupted must run again by then.
const RESUME_LIMIT: Duration = Duration::from_secs(5);

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    wanted: Wanted,
    faults: BTreeMap<&'static str, u32>,
    skipped: BTreeMap<&'static str, u32>,
    /// By fault: how often work was under way, and the longest until the first and the last of it ran again.
    resumed: BTreeMap<&'static str, (u32, Duration, Duration)>,
    stops: (u32, Duration),
    pub(super) faults_took: Duration,
    pub(super) quiet_after: Duration,
    /// Mutations that were accepted.
    pub(super) accepted: u64,
    /// Requests that were sent again, under the same key.
    pub(super) requests_repeated: u64,
    /// Messages that arrived, each once.
    pub(super) messages: u64,
    /// How often one arrived again, with the same id.
    pub(super) messages_repeated: u64,
    /// Messages that the product had given up, rightly, and that an admin sent again once all was well.
    pub(super) revived: u64,
    lost: Vec<String>,
    wrong: Vec<String>,
}

impl Report {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            faults: BTreeMap::new(),
            skipped: BTreeMap::new(),
            resumed: BTreeMap::new(),
            stops: (0, Duration::ZERO),
            faults_took: Duration::ZERO,
            quiet_after: Duration::ZERO,
            accepted: 0,
            requests_repeated: 0,
            messages: 0,
            messages_repeated: 0,
            revived: 0,
            lost: Vec::new(),
            wrong: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    pub(super) fn skipped(&mut self, name: &'static str) {
        *self.skipped.entry(name).or_default() += 1;
    }

    /// Work that a fault interrupted ran again after so long; nothing where none was under way.
    pub(super) fn resumed(&mut self, fault: &'static str, resumed: Option<Resumed>) {
        let Some(Resumed { first, all, of, last }) = resumed else {
            return;
        };
        let (times, longest_first, longest_all) = self.resumed.entry(fault).or_default();
        *times += 1;
        *longest_first = first.max(*longest_first);
        *longest_all = all.max(*longest_all);
        if first > RESUME_LIMIT {
            self.wrong(format!(
                "of {of} sends under way the first ran again only {first:.1?} after: {fault}: {last:?}"
            ));
        }
    }

    pub(super) fn stopped_in(&mut self, took: Duration) {
        self.stops = (self.stops.0 + 1, self.stops.1.max(took));
    }

    /// Something that was accepted is not there, or something that was to arrive did not.
    pub(super) fn lost(&mut self, what: String) {
        self.lost.push(what);
    }

    /// Something is there and is not what it should be.
    pub(super) fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Whether nothing was lost and nothing came out wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }
}

/// How many of what was found are told one by one.
const TOLD: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { engine, seed, .. } = self.wanted;
        writeln!(f, "{engine}, seed {seed}, faults for {:.0?}", self.faults_took)?;
        writeln!(
            f,
            "  {:<44} {:>6}",
            "faults injected",
            self.faults.values().sum::<u32>()
        )?;
        for (name, times) in &self.faults {
            write!(f, "    {name:<42} {times:>6}")?;
            if let Some((times, first, all)) = self.resumed.get(name) {
                write!(
                    f,
                    "   work under way {times} times, ran again within {first:.1?}, all of it {all:.1?}"
                )?;
            }
            writeln!(f)?;
        }
        for name in self.skipped.keys() {
            writeln!(
                f,
                "    {name:<42}      -   not possible here: wants root, or a cluster of ours"
            )?;
        }
        writeln!(f, "  {:<44} {:>6}", "mutations accepted", self.accepted)?;
        writeln!(
            f,
            "  {:<44} {:>6}",
            "requests repeated under the same key", self.requests_repeated
        )?;
        writeln!(f, "  {:<44} {:>6}", "messages that arrived", self.messages)?;
        writeln!(f, "  {:<44} {:>6}", "repeats of them, same id", self.messages_repeated)?;
        writeln!(f, "  {:<44} {:>6}", "given up, told, sent again by hand", self.revived)?;
        let (stops, longest) = self.stops;
        writeln!(f, "  {:<44} {stops:>6}   longest {longest:.1?}", "stops by SIGTERM")?;
        writeln!(f, "  {:<44} {:>6.0?}", "at rest again after", self.quiet_after)?;
        writeln!(f, "  {:<44} {:>6}", "lost", self.lost.len())?;
        writeln!(f, "  {:<44} {:>6}", "wrong", self.wrong.len())?;
        for (what, found) in [("lost", &self.lost), ("wrong", &self.wrong)] {
            for one in found.iter().take(TOLD) {
                writeln!(f, "    {what}: {one}")?;
            }
            if found.len() > TOLD {
                writeln!(f, "    {what}: and {} more", found.len() - TOLD)?;
            }
        }
        Ok(())
    }
}
