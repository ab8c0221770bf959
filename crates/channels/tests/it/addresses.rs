//! Where outbound calls may go: a table of addresses, of URLs as they are entered, and of ranges in the settings.

use liaison_channels::{AddressPolicy, AddressRange, check_webhook_url};

#[test]
fn special_addresses_are_refused() {
    let policy = AddressPolicy::default();
    let table: Vec<String> = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "100.128.0.0",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.15.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "172.32.0.0",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "192.169.0.0",
        "198.18.0.1",
        "198.19.255.255",
        "198.20.0.0",
        "198.51.100.7",
        "203.0.113.9",
        "223.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "8.8.8.8",
        "93.184.216.34",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2606:4700::1111",
        "2a00:1450::8",
    ]
    .iter()
    .map(|ip| {
        format!(
            "{ip:<18} {}",
            policy.refusal(ip.parse().unwrap()).unwrap_or("may be called")
        )
    })
    .collect();
    insta::assert_snapshot!("addresses", table.join("\n"));
}

#[test]
fn urls_are_judged_by_the_address_they_mean() {
    let policy = AddressPolicy {
        allow_http: true,
        ..AddressPolicy::default()
    };
    let long = format!("https://onc.example/{}", "a".repeat(2_048));
    let table: Vec<String> = [
        "https://onc.example/hook?team=7",
        "https://ONC.example:8443/hook",
        "https://93.184.216.34/hook",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "http://[0:0:0:0:0:ffff:a00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data",
        "http://0/",
        "http://4294967296/",
        "ftp://onc.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://onc.example/",
        "https://user@onc.example/",
        "https://user:secret@onc.example/",
        "https://onc.example@127.0.0.1/",
        "https://onc.example/#part",
        "https://onc.example:0/",
        "https://onc.example:99999/",
        "https://",
        "https:///path",
        "https:\\\\onc.example\\",
        "onc.example/hook",
        "",
        "https://onc.example/a b",
        "https://onc.example/a\r\nHost: evil",
        " https://onc.example/",
        &long,
    ]
    .iter()
    .map(|url| {
        let shown: String = url.escape_debug().take(60).collect();
        match check_webhook_url(url, &policy) {
            Ok(url) => format!("{shown}\n    good: {url}"),
            Err(problem) => format!("{shown}\n    {problem}"),
        }
    })
    .collect();
    insta::assert_snapshot!("urls", table.join("\n"));
    assert!(check_webhook_url("http://onc.example/", &AddressPolicy::default()).is_err());
}

#[test]
fn a_range_allows_what_it_holds_and_nothing_beside() {
    let policy = AddressPolicy {
        allow: vec!["10.20.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()],
        allow_http: false,
    };
    for (ip, allowed) in [
        ("10.20.255.1", true),
        ("10.21.0.1", false),
        ("::ffff:10.20.0.1", false),
        ("fd00:1:2::3", true),
        ("fd00:2::3", false),
        ("127.0.0.1", false),
        ("8.8.8.8", true),
    ] {
        assert_eq!(policy.refusal(ip.parse().unwrap()).is_none(), allowed, "{ip}");
    }
    assert!(check_webhook_url("https://10.20.3.4/hook", &policy).is_ok());
    assert!(AddressRange::contains(
        &"0.0.0.0/0".parse().unwrap(),
        "1.2.3.4".parse().unwrap()
    ));
    assert!(AddressRange::contains(
        &"::/0".parse().unwrap(),
        "fe80::1".parse().unwrap()
    ));
    assert_eq!(
        "10.20.0.0/16".parse::<AddressRange>().unwrap().to_string(),
        "10.20.0.0/16"
    );
    assert_eq!("127.0.0.1".parse::<AddressRange>().unwrap().to_string(), "127.0.0.1/32");
}

#[test]
fn unclear_ranges_are_named() {
    let told: Vec<String> = [
        "",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/999",
        "10.0.0.0/+8",
        "::/129",
        "10.1.2.3/8",
        "fd00::1/8",
        "localhost/8",
    ]
    .iter()
    .map(|text| text.parse::<AddressRange>().unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!("ranges", told.join("\n"));
}
