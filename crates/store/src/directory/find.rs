//! Who can be addressed, found by words of the name: organizations, teams and people in one list.

use liaison_domain::{OrganizationId, Role};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql};

/// The most words of one search.
pub const MOST_WORDS: usize = 4;

row! {
    /// Somebody who can be addressed.
    pub struct AddresseeRow {
        /// The organization's name.
        place: String,
        /// The organization.
        organization_id: OrganizationId,
        /// `organization`, `team` or `user`.
        kind: String,
        /// The id of that kind.
        id: Uuid,
        /// The name.
        name: String,
    }
}

sql! {
    FIND = "select place, organization_id, kind, id, name from (
            select o.name as place, o.id as organization_id, 'organization' as kind, o.id as id, o.name as name
                from organization o where $1
            union all
            select o.name, o.id, 'team', t.id, t.name
                from team t join organization o on o.id = t.organization_id where t.active and $2
            union all
            select o.name, o.id, 'user', p.id, p.display_name
                from membership m join person p on p.id = m.user_id join organization o on o.id = m.organization_id
                where m.until_at is null and p.disabled_at is null and $3 and (m.organization_id = $4 or $4 is null)
                    and (m.roles like $5 or m.roles like $6 or m.roles like $7)
        ) as found
        where (organization_id = $8 or $8 is null) and (organization_id <> $9 or $9 is null)
            and (lower(place || ' ' || name) like lower($10) escape '~' or place || ' ' || name like $10 escape '~')
            and (lower(place || ' ' || name) like lower($11) escape '~' or place || ' ' || name like $11 escape '~')
            and (lower(place || ' ' || name) like lower($12) escape '~' or place || ' ' || name like $12 escape '~')
            and (lower(place || ' ' || name) like lower($13) escape '~' or place || ' ' || name like $13 escape '~')
            and (place > $14 or (place = $14 and (name > $15 or (name = $15 and id > $16))) or $14 is null)
        order by place, name, id limit $17";
}

/// What to look for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Find<'a> {
    /// Whole organizations too.
    pub organizations: bool,
    /// Teams that can be addressed.
    pub teams: bool,
    /// People who care for patients and may sign in.
    pub people: bool,
    /// People of this organization only.
    pub people_of: Option<OrganizationId>,
    /// Within this organization only.
    pub within: Option<OrganizationId>,
    /// Anywhere but in this one.
    pub but: Option<OrganizationId>,
    /// Every one of these stands in the name or in the organization's; at most [`MOST_WORDS`].
    pub words: &'a [&'a str],
    /// After the one of this place, name and id.
    pub after: Option<(&'a str, &'a str, Uuid)>,
    /// How many.
    pub limit: u32,
}

/// A text as a pattern that finds it anywhere; signs that mean something in a pattern stand for themselves.
fn anywhere(word: Option<&&str>) -> String {
    let mut pattern = String::from("%");
    for sign in word.into_iter().flat_map(|word| word.chars()) {
        if matches!(sign, '%' | '_' | '~') {
            pattern.push('~');
        }
        pattern.push(sign);
    }
    if pattern.len() > 1 {
        pattern.push('%');
    }
    pattern
}

/// Those who can be addressed, by organization and name. Capital letters make no difference; beyond ASCII that is so
/// where the engine knows them, and as they were typed everywhere.
pub async fn find(conn: &mut Conn, find: Find<'_>) -> Result<Vec<AddresseeRow>> {
    let role = |role: Role| format!("%\"{}\"%", role.as_str());
    let word = |at: usize| anywhere(find.words.get(at));
    let values = args![
        find.organizations,
        find.teams,
        find.people,
        find.people_of,
        role(Role::Clinician),
        role(Role::TeamLead),
        role(Role::Physician),
        find.within,
        find.but,
        word(0),
        word(1),
        word(2),
        word(3),
        find.after.map(|(place, ..)| place),
        find.after.map(|(_, name, _)| name),
        find.after.map(|(.., id)| id),
        find.limit,
    ];
    conn.all(FIND, values).await
}
