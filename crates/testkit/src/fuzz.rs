//! Bad input, much of it: a corpus is bent in many ways from a seed and given to whatever reads it. For everything that
//! parses what comes from outside; not a search by coverage.
//!
//! A test tries a fixed number of inputs. `LIAISON_FUZZ_SECONDS` makes it go on for so long (`cargo xtask fuzz`), and
//! `LIAISON_SEED` begins elsewhere. What breaks a reader is shown with its seed; keep it as a file of the corpus.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    time::{Duration, Instant},
};

use futures::FutureExt;
use liaison_domain::{Random, SeededRandom};

/// The longest that one input may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest input but for the few long ones.
const LONGEST: usize = 64 * 1_024;

/// What is worth trying anywhere.
const WORDS: [&str; 32] = [
    "",
    "\0",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "\u{1d54f}",
    "e\u{301}",
    "%00",
    "%",
    "&",
    "=",
    "'",
    "\"",
    "\\",
    "\\ud800",
    "{",
    "}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "0.1",
    "18446744073709551615",
    "9223372036854775808",
    "99999999999999999999999999999999999999999",
    "-262143-01-01T00:00:00Z",
    "+262142-12-31T23:59:59Z",
    "2026-02-30T25:61:61Z",
    "00000000-0000-0000-0000-000000000000",
];

/// Bends inputs from a seed.
pub struct Bender(SeededRandom);

impl Bender {
    fn below(&self, end: usize) -> usize {
        let random: &dyn Random = &self.0;
        let number = u64::from_le_bytes(random.bytes());
        usize::try_from(number % (end.max(1) as u64)).unwrap_or_default()
    }

    /// One of the corpus, bent in one to six places.
    fn bend(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bent = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bent.len() + 1);
            let until = (at + 1 + self.below(16)).min(bent.len());
            match self.below(10) {
                0 if at < bent.len() => bent[at] ^= 1 << self.below(8),
                1 if at < bent.len() => bent[at] = u8::try_from(self.below(256)).unwrap_or_default(),
                2 if at < until => drop(bent.drain(at..until)),
                3 if at < until => {
                    let again = bent[at..until].repeat(1 + self.below(40));
                    bent.splice(at..at, again);
                }
                4 => bent.truncate(at),
                5 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    let piece = other[from..(from + self.below(200)).min(other.len())].to_vec();
                    bent.splice(at..at, piece);
                }
                6 => self.number(&mut bent),
                _ => {
                    let word = WORDS[self.below(WORDS.len())].bytes();
                    let end = if self.below(2) == 0 { at } else { until.max(at) };
                    bent.splice(at..end, word);
                }
            }
            bent.truncate(LONGEST);
        }
        bent
    }

    /// Puts another number or word in the place of a number.
    fn number(&self, bent: &mut Vec<u8>) {
        let digits: Vec<usize> = (0..bent.len()).filter(|at| bent[*at].is_ascii_digit()).collect();
        if digits.is_empty() {
            return;
        }
        let from = digits[self.below(digits.len())];
        let length = bent[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        bent.splice(from..from + length, WORDS[self.below(WORDS.len())].bytes());
    }
}

/// Every file of a folder, in the order of their names.
pub fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a file of the corpus").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a file of the corpus"))
        .collect()
}

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// [`fuzz_bytes`] for a reader of text.
///
/// # Panics
/// As [`fuzz_bytes`].
pub async fn fuzz(name: &str, corpus: &[Vec<u8>], cases: u64, mut reads: impl AsyncFnMut(&str)) {
    fuzz_bytes(name, corpus, cases, async |input| {
        let text = String::from_utf8_lossy(input);
        reads(&text).await;
    })
    .await;
}

/// Gives `cases` bent inputs of a corpus to a reader, then each of the corpus as it is and as two megabytes of itself.
///
/// # Panics
/// Where the reader panics or takes longer than ten seconds; the message holds the input.
pub async fn fuzz_bytes(name: &str, corpus: &[Vec<u8>], cases: u64, mut reads: impl AsyncFnMut(&[u8])) {
    assert!(!corpus.is_empty(), "{name} has no corpus");
    let seed = number_of("LIAISON_SEED").unwrap_or(1);
    let bender = Bender(SeededRandom::new(seed));
    let long = number_of("LIAISON_FUZZ_SECONDS").map(Duration::from_secs);
    let began = Instant::now();
    let mut tried = 0_u64;
    let as_is = corpus.iter().cloned();
    let huge = corpus
        .iter()
        .filter(|one| !one.is_empty())
        .map(|one| one.repeat(2_097_152 / one.len() + 1));
    let mut first = as_is.chain(huge);
    loop {
        let more = long.map_or(tried < cases, |long| began.elapsed() < long);
        let input = match first.next() {
            Some(input) => input,
            None if more => bender.bend(corpus),
            None => break,
        };
        tried += 1;
        let text = String::from_utf8_lossy(&input);
        let one = Instant::now();
        let read = AssertUnwindSafe(reads(&input)).catch_unwind().await;
        let shown: String = text.chars().take(4_000).collect();
        assert!(
            read.is_ok(),
            "{name}: seed {seed}, input {tried} breaks its reader: {shown:?}"
        );
        let took = one.elapsed();
        assert!(
            took < PATIENCE,
            "{name}: seed {seed}, input {tried} took {took:?}: {shown:?}"
        );
    }
    #[expect(clippy::print_stdout, reason = "a test shows how much it tried")]
    {
        println!("{name}: {tried} inputs in {:?}", began.elapsed());
    }
}
