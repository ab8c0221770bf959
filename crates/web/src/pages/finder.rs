//! Finding whom something goes to, without a script and however long the directory is: words of a name, a page of matches,
//! the next page. The form that holds it keeps what was picked before.

use liaison_domain::Actor;
use liaison_service::{
    ServiceError,
    directory::{Addressee, AddresseeId, FindAddressees},
};

use crate::{Result, Web, form::Fields};

/// How many matches stand on a page.
const SHOWN: u32 = 20;
/// Separates the parts of a place to go on from; no name holds it.
const MARK: char = '\u{1f}';

/// One match.
pub(crate) struct Match {
    /// `organization:<id>`, `team:<id>` or `user:<id>`.
    pub(crate) key: String,
    pub(crate) name: String,
    /// The organization; empty where the match is one.
    pub(crate) place: String,
    /// What it is, in a word.
    pub(crate) what: &'static str,
}

/// The search with its matches.
#[derive(Default)]
pub(crate) struct Finder {
    /// What was looked for.
    pub(crate) wanted: String,
    pub(crate) matches: Vec<Match>,
    /// Where the next page begins; empty where this is the last.
    pub(crate) next: String,
    /// Whether somebody was looked for.
    pub(crate) used: bool,
    /// What is wrong with the search; empty where nothing.
    pub(crate) problem: String,
}

/// A match's key.
pub(crate) fn key(id: AddresseeId) -> String {
    match id {
        AddresseeId::Organization(id) => format!("organization:{id}"),
        AddresseeId::Team(id) => format!("team:{id}"),
        AddresseeId::User(id) => format!("user:{id}"),
    }
}

/// A match's key read back; none for what is no key.
pub(crate) fn read_key(key: &str) -> Option<AddresseeId> {
    let (kind, id) = key.split_once(':')?;
    match kind {
        "organization" => id.parse().ok().map(AddresseeId::Organization),
        "team" => id.parse().ok().map(AddresseeId::Team),
        "user" => id.parse().ok().map(AddresseeId::User),
        _ => None,
    }
}

fn found_what(id: AddresseeId) -> &'static str {
    match id {
        AddresseeId::Organization(_) => "all of it",
        AddresseeId::Team(_) => "team",
        AddresseeId::User(_) => "person",
    }
}

fn found(one: Addressee) -> Match {
    let whole = matches!(one.id, AddresseeId::Organization(_));
    Match {
        key: key(one.id),
        what: found_what(one.id),
        place: if whole { String::new() } else { one.organization },
        name: one.name,
    }
}

impl Finder {
    /// What a form looks for: the field `find`, and the button `find:<place>` for the next page.
    pub(crate) async fn of_form(web: &Web, actor: &Actor, fields: &Fields, among: FindAddressees) -> Result<Self> {
        let after = fields.raw("act").and_then(|act| act.strip_prefix("find:"));
        let mut finder = Self::load(web, actor, fields.text("find"), after, among).await?;
        finder.used = is_search(fields) || !finder.wanted.is_empty();
        Ok(finder)
    }

    /// Keeps what was picked before among the matches, first, whatever was looked for since.
    pub(crate) async fn keep(&mut self, web: &Web, actor: &Actor, picked: &str) -> Result<()> {
        if let Some(at) = self.matches.iter().position(|one| one.key == picked) {
            self.matches[..=at].rotate_right(1);
            return Ok(());
        }
        // A guest may look for somebody, and not read the directory by ids.
        if actor.guest.is_some() {
            return Ok(());
        }
        let service = web.service();
        let (mut name, mut place) = (None, None);
        let id = match read_key(picked) {
            Some(id) => id,
            None => return Ok(()),
        };
        match id {
            AddresseeId::Organization(id) => {
                name = service.organization_by_id(actor, id).await?.map(|found| found.name);
            }
            AddresseeId::Team(id) => {
                if let Some(team) = service.team_by_id(actor, id).await? {
                    name = Some(team.name);
                    place = service.organization_by_id(actor, team.organization_id).await?;
                }
            }
            AddresseeId::User(id) => {
                name = service.person_by_id(actor, id).await?.map(|person| person.display_name);
            }
        }
        if let Some(name) = name {
            let (key, what) = (key(id), found_what(id));
            let place = place.map(|place| place.name).unwrap_or_default();
            self.matches.insert(0, Match { key, name, place, what });
        }
        Ok(())
    }

    /// Looks for words among those that `among` allows; everybody where there are none.
    pub(crate) async fn load(
        web: &Web,
        actor: &Actor,
        wanted: &str,
        after: Option<&str>,
        among: FindAddressees,
    ) -> Result<Self> {
        let after = after.and_then(|after| {
            let mut parts = after.splitn(3, MARK);
            let (place, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            Some((place, name, parts.next()?.parse().ok()?))
        });
        let input = FindAddressees {
            wanted: wanted.to_owned(),
            after,
            first: SHOWN,
            ..among
        };
        let mut finder = Self {
            wanted: wanted.to_owned(),
            ..Self::default()
        };
        match web.service().find_addressees(actor, input).await {
            Ok(page) => {
                if let Some(last) = page.items.last().filter(|_| page.has_next) {
                    let (place, name, id) = last.cursor();
                    finder.next = format!("find:{place}{MARK}{name}{MARK}{id}");
                }
                finder.matches = page.items.into_iter().map(found).collect();
            }
            Err(ServiceError::Invalid(problems)) => {
                let messages: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
                finder.problem = crate::error::capital(&messages.join("; "));
            }
            Err(other) => return Err(other.into()),
        }
        Ok(finder)
    }
}

/// Whether a form asks only to look somebody up.
pub(crate) fn is_search(fields: &Fields) -> bool {
    fields
        .raw("act")
        .is_some_and(|act| act == "find" || act.starts_with("find:"))
}
