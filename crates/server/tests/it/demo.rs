//! The demonstration as a person at a terminal meets it: `demo --once` tells every loop's end, `demo` stays up and its
//! printed lines work.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

fn demo(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liaison"));
    // What the environment configures is no business of the demonstration's.
    command
        .args(["demo", "--folder"])
        .arg(folder.path())
        .env("LIAISON_DATABASE__URL", "postgres://nowhere/real");
    command
}

#[test]
fn once_ends_every_loop_as_the_story_says() {
    let folder = TempDir::new().unwrap();
    let Output { status, stdout, stderr } = demo(&folder).arg("--once").output().unwrap();
    let (told, progress) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{told}\n{progress}");
    assert!(
        progress.contains(" is shared with "),
        "no line tells how far it is: {progress}"
    );
    // Counts of mails and tries depend on which of them met a failure; the ends of the loops do not.
    let (loops, rest) = told.split_once("ok    receipts").unwrap();
    insta::assert_snapshot!("story", loops);
    let checks = [
        "ledger",
        "secrecy",
        "webhook repeats",
        "webhook signatures",
        "mail folder",
    ];
    for check in checks {
        assert!(
            rest.lines().any(|line| line.starts_with(&format!("ok    {check} "))),
            "{check}: {rest}"
        );
    }
    assert!(!told.contains("FAIL"), "{told}");
    let mails = std::fs::read_dir(folder.path().join("mail")).unwrap();
    for mail in mails {
        let mail = std::fs::read_to_string(mail.unwrap().path()).unwrap();
        for secret in ["TEST-KET", "Testpatient", "Fakename", "Exampleton"] {
            assert!(!mail.contains(secret), "{mail}");
        }
    }

    // The folder is no longer fresh.
    let again = demo(&folder).arg("--once").output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("is not empty: give another folder, or none for a new one"),
        "{said}"
    );
}

/// The running demonstration; it ends with the test.
struct Running {
    child: Child,
    told: String,
}

impl Running {
    fn start(folder: &TempDir) -> Self {
        let mut command = demo(folder);
        command
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            let last = line == "Ctrl-C ends it.";
            told.push_str(&line);
            told.push('\n');
            if last {
                break;
            }
        }
        Self { child, told }
    }

    /// `localhost:PORT`, as printed.
    fn address(&self) -> String {
        let line = self.told.lines().find(|line| line.starts_with("GraphiQL")).unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        rest.split_once('/').unwrap().0.to_owned()
    }

    fn request(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: demo\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Does what a printed `curl` line does, and gives the answer's data.
    fn curl(&self, line: &str) -> Value {
        let mut quoted = line.split('\'').skip(1).step_by(2);
        let (kind, authorization, body) = (quoted.next().unwrap(), quoted.next().unwrap(), quoted.next().unwrap());
        let length = body.len();
        let answer = self.request(&format!(
            "POST /graphql HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n{kind}\r\n{authorization}\r\n\
             content-length: {length}\r\n\r\n{body}"
        ));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{line}\n{answer}");
        let answer: Value = serde_json::from_str(body).unwrap();
        assert!(answer.get("errors").is_none(), "{line}\n{answer}");
        answer["data"].clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_board(data: &Value, id: &str) -> bool {
    let edges = data["board"]["edges"].as_array().unwrap();
    edges.iter().any(|edge| edge["node"]["recipient"]["id"] == id)
}

#[test]
fn the_printed_lines_close_a_loop_and_the_board_changes() {
    let folder = TempDir::new().unwrap();
    let mut running = Running::start(&folder);
    assert!(running.told.contains("OVERDUE"), "{}", running.told);
    let lines: Vec<&str> = running.told.lines().filter(|line| line.starts_with("curl ")).collect();
    let [before, open, acknowledge, after] = lines[..] else {
        panic!("{}", running.told)
    };
    let id = open.split_once("\"r\":\"").unwrap().1.split_once('"').unwrap().0;

    assert!(on_board(&running.curl(before), id));
    let opened = running.curl(open);
    assert_eq!(opened["openShare"]["recipient"]["level"], "OPENED", "{opened}");
    let sentences = opened["openShare"]["note"]["bottomLine"]["sentences"]
        .as_array()
        .unwrap();
    assert!(!sentences.is_empty());
    let acknowledged = running.curl(acknowledge);
    assert_eq!(
        acknowledged["acknowledge"]["recipient"]["level"], "ACKNOWLEDGED",
        "{acknowledged}"
    );
    assert_eq!(
        acknowledged["acknowledge"]["recipient"]["isOpen"], false,
        "{acknowledged}"
    );
    assert!(!on_board(&running.curl(after), id));

    let list = running.get("/demo/mailbox");
    assert!(list.starts_with("HTTP/1.1 200"), "{list}");
    assert!(list.contains("content-security-policy: default-src 'none'"), "{list}");
    assert!(
        list.contains("waits for Oncologist on call") && !list.contains("<script"),
        "{list}"
    );
    let one = running.get("/demo/mailbox/1");
    assert!(
        one.starts_with("HTTP/1.1 200") && one.contains("This message holds no patient information"),
        "{one}"
    );
    for nothing in ["/demo/mailbox/0", "/demo/mailbox/100000", "/demo/mailbox/x"] {
        let answer = running.get(nothing);
        assert!(answer.starts_with("HTTP/1.1 404"), "{nothing}: {answer}");
    }
    assert!(running.get("/graphql").contains("<title>Liaison GraphQL</title>"));

    // Browsers give passkeys to names: links and passkeys are those of `localhost`.
    assert!(running.address().starts_with("localhost:"), "{}", running.told);
    let links = running.told.lines().filter(|line| line.contains("/sign-in/link/"));
    assert!(links.clone().count() == 6 && links.clone().all(|line| line.contains("http://localhost:")));
    assert!(!running.told.contains("http://127.0.0.1"), "{}", running.told);
    let asked = running.request(
        "POST /sign-in/passkey/begin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nsec-fetch-site: same-origin\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n",
    );
    assert!(
        asked.starts_with("HTTP/1.1 200") && asked.contains("\"rpId\":\"localhost\""),
        "{asked}"
    );

    let interrupted = Command::new("kill")
        .args(["-INT", &running.child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    assert_eq!(running.child.wait().unwrap().code(), Some(0), "Ctrl-C ends it cleanly");
}
