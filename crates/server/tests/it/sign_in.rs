//! How people come in for the first time: invitations and sign-in links from the command line, on both engines.

use liaison_testkit::Engine;

use crate::bench::Bench;

#[tokio::test]
async fn an_operator_invites_a_person_and_makes_a_sign_in_link() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bench = Bench::new(engine).await;
        bench.with_people();
        let said = bench.good(&["user", "invite", " Ana@clinic.example "]);
        assert!(
            said.starts_with("invitation to ana@clinic.example planned, good until "),
            "{said}"
        );

        let made = bench.run(&["user", "sign-in-link", "ANA@clinic.example"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let url = made.out.trim();
        assert_eq!(made.out.lines().count(), 1, "the link alone, for a pipe");
        let token = url.rsplit('/').next().unwrap();
        assert!(url.contains("/sign-in/link/") && token.len() == 43, "{url}");
        assert!(
            made.err.contains("acctlink_") && !made.err.contains(token),
            "{}",
            made.err
        );

        for command in ["invite", "sign-in-link"] {
            let ran = bench.run(&["user", command, "nobody@clinic.example"]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(ran.err.contains("nobody has the address"), "{}", ran.err);
        }
    }
}
