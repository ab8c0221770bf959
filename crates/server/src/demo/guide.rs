//! What the person at the terminal can do now: addresses, tokens, and `curl` lines that close an open loop.

use std::collections::BTreeMap;

use anyhow::Context;
use liaison_service::{Service, directory::CreateToken};
use serde_json::{Value, json};

use super::{
    additions::OPEN_LOOP,
    people::Who,
    play::Loop,
    sign_in::PASSWORD,
    stage::{Stage, base},
    world::World,
};

/// For how many days of the story's clock the tokens are good.
const DAYS: u32 = 30;

/// Whose tokens are printed.
const OWNERS: [(&str, Who); 5] = [
    ("physician", Who::Physician),
    ("oncologist", Who::Oncologist),
    ("palliative", Who::PalliativeClinician),
    ("coordinator", Who::Coordinator),
    ("admin", Who::Admin),
];

const OPEN: &str = "mutation($r:ID!){openShare(input:{recipientId:$r}){recipient{level} note{bottomLine{sentences}} \
                    problems{path message}}}";
const ACKNOWLEDGE: &str = "mutation($r:ID!,$v:ID!){acknowledge(input:{recipientId:$r,noteVersionId:$v,\
                           dispositions:[PLAN_ADJUSTED],comment:\"Agreed, at the lower dose.\"}){recipient{level isOpen} \
                           problems{path message}}}";
const BOARD: &str = "{board{edges{node{patient{name} isOverdue nextStep nextOwner{displayName} \
                     recipient{id urgency level isOpen dueAt}}}}}";

/// A ready token of each part.
pub(crate) async fn tokens(service: &Service, world: &World) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut tokens = Vec::new();
    for (part, who) in OWNERS {
        let input = CreateToken {
            name: "demonstration".to_owned(),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            days: DAYS,
            idempotency_key: None,
        };
        let created = service.create_token(world.actor(who)?, input).await?;
        tokens.push((
            part,
            created
                .secret
                .context("a new token has its secret")?
                .expose()
                .to_owned(),
        ));
    }
    Ok(tokens)
}

/// Everything that is printed once the story was told.
pub(crate) fn text(
    stage: &Stage,
    links: &[(&'static str, Who, String)],
    tokens: &[(&'static str, String)],
    loops: &BTreeMap<String, Loop>,
) -> anyhow::Result<String> {
    let base = base(stage.address);
    let folder = stage.folder.display();
    let mut text = "Sign in: each link works once; a further one comes from the page of people\n".to_owned();
    for (part, who, link) in links {
        text.push_str(&format!("  {part:<12} {:<22} {link}\n", who.name()));
    }
    text.push_str(&format!(
        "\nPeople     {base}/demo/people   (asked again who you are: {PASSWORD})\n\
         GraphiQL   {base}/graphql   (the page loads its scripts from unpkg.com; everything else is local)\n\
         Mailbox    {base}/demo/mailbox   and as .eml files in {folder}/mail\n\
         Data       {folder}   (liaison.toml there works with every other command)\n\n\
         Tokens, good for {DAYS} days, for the header  Authorization: Bearer TOKEN\n"
    ));
    for (part, token) in tokens {
        text.push_str(&format!("  {part:<12} {token}\n"));
    }
    let one = loops
        .get(OPEN_LOOP)
        .with_context(|| format!("there is no loop {OPEN_LOOP}"))?;
    let token = |part: &str| {
        let found = tokens.iter().find(|(name, _)| *name == part);
        found
            .map(|(_, token)| token.as_str())
            .with_context(|| format!("no token of the {part}"))
    };
    let (r, v) = (one.recipient_id.to_string(), one.version_id.to_string());
    let steps = [
        ("The physician's board before", "physician", json!({ "query": BOARD })),
        (
            "The oncologist opens",
            "oncologist",
            json!({ "query": OPEN, "variables": { "r": r } }),
        ),
        (
            "and acknowledges",
            "oncologist",
            json!({ "query": ACKNOWLEDGE, "variables": { "r": r, "v": v } }),
        ),
        ("The physician's board after", "physician", json!({ "query": BOARD })),
    ];
    text.push_str(&format!(
        "\nClose the open loop \"{OPEN_LOOP}\" from another terminal:\n"
    ));
    for (what, part, body) in steps {
        text.push_str(&format!("\n# {what}\n{}\n", curl(&base, token(part)?, &body)));
    }
    Ok(text)
}

/// A line for a shell. The body holds no single quote, so that these can enclose it.
fn curl(base: &str, token: &str, body: &Value) -> String {
    format!(
        "curl -s {base}/graphql -H 'content-type: application/json' -H 'authorization: Bearer {token}' -d '{}'",
        body.to_string().replace('\'', "\\u0027")
    )
}
