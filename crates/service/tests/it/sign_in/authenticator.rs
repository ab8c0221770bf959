//! A passkey authenticator in software: it answers as a browser would (W3C Web Authentication Level 3), with attestation
//! `none` and an ES256 key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One passkey.
pub(crate) struct Authenticator {
    key: SigningKey,
    id: Vec<u8>,
    user_handle: Vec<u8>,
    pub(crate) counter: u32,
    /// Where the browser says it is.
    pub(crate) origin: String,
    /// Whether it verifies its user.
    pub(crate) verifies: bool,
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = match u8::try_from(bytes.len()) {
        Ok(short) => vec![0x58, short],
        Err(_) => [vec![0x59], u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec()].concat(),
    };
    out.extend_from_slice(bytes);
    out
}

fn cbor_text(text: &str) -> Vec<u8> {
    let mut out = vec![0x60 | u8::try_from(text.len()).unwrap()];
    out.extend_from_slice(text.as_bytes());
    out
}

impl Authenticator {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            key: SigningKey::from_slice(&[number; 32]).unwrap(),
            id: vec![number; 32],
            user_handle: Vec::new(),
            counter: 0,
            origin: "https://liaison.example".to_owned(),
            verifies: true,
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options["publicKey"]["challenge"].as_str().unwrap();
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    fn data(&mut self, rp_id: &str, attested: bool) -> Vec<u8> {
        self.counter += 1;
        let mut data = Sha256::digest(rp_id.as_bytes()).to_vec();
        let verified = if self.verifies { 0x04 } else { 0 };
        data.push(0x01 | verified | if attested { 0x40 } else { 0 });
        data.extend_from_slice(&self.counter.to_be_bytes());
        if attested {
            data.extend_from_slice(&[0; 16]);
            data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&self.id);
            let point = self.key.verifying_key().to_sec1_point(false);
            // COSE_Key: kty EC2, alg ES256, crv P-256, x, y (RFC 9053 section 7.1.1).
            data.extend_from_slice(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]);
            data.extend(cbor_bytes(point.x().unwrap()));
            data.push(0x22);
            data.extend(cbor_bytes(point.y().unwrap()));
        }
        data
    }

    /// Answers `navigator.credentials.create`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let public = &options["publicKey"];
        assert_eq!(public["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(public["authenticatorSelection"]["residentKey"], "required");
        self.user_handle = URL_SAFE_NO_PAD.decode(public["user"]["id"].as_str().unwrap()).unwrap();
        let client = self.client_data("webauthn.create", options);
        let data = self.data(public["rp"]["id"].as_str().unwrap(), true);
        let attestation = [
            vec![0xa3],
            cbor_text("fmt"),
            cbor_text("none"),
            cbor_text("attStmt"),
            vec![0xa0],
            cbor_text("authData"),
            cbor_bytes(&data),
        ]
        .concat();
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {"attestationObject": b64(&attestation), "clientDataJSON": b64(&client)},
        })
    }

    /// Answers `navigator.credentials.get`.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let public = &options["publicKey"];
        assert_eq!(public["userVerification"], "required");
        let client = self.client_data("webauthn.get", options);
        let data = self.data(public["rpId"].as_str().unwrap(), false);
        let signed = [data.clone(), Sha256::digest(&client).to_vec()].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "authenticatorData": b64(&data), "clientDataJSON": b64(&client),
                "signature": b64(signature.to_der().as_bytes()), "userHandle": b64(&self.user_handle),
            },
        })
    }
}
