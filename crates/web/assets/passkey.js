// Passkeys (WebAuthn level 2): asks the server for a question, the browser for an answer, and sends it as a form.
"use strict";
(() => {
  const buttons = document.querySelectorAll("[data-passkey]");
  if (!window.PublicKeyCredential) {
    for (const button of buttons) { button.hidden = true; }
    return;
  }
  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ids = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const create = async (options) => {
    const key = options.publicKey;
    const made = await navigator.credentials.create({ publicKey: {
      ...key, challenge: bytes(key.challenge), user: { ...key.user, id: bytes(key.user.id) },
      excludeCredentials: ids(key.excludeCredentials),
    } });
    return { id: made.id, rawId: text(made.rawId), type: made.type, extensions: made.getClientExtensionResults(),
      response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON),
        transports: made.response.getTransports ? made.response.getTransports() : [] } };
  };
  const ask = async (options) => {
    const key = options.publicKey;
    const got = await navigator.credentials.get({ publicKey: {
      ...key, challenge: bytes(key.challenge), allowCredentials: ids(key.allowCredentials),
    } });
    return { id: got.id, rawId: text(got.rawId), type: got.type, extensions: got.getClientExtensionResults(),
      response: { authenticatorData: text(got.response.authenticatorData), clientDataJSON: text(got.response.clientDataJSON),
        signature: text(got.response.signature), userHandle: got.response.userHandle ? text(got.response.userHandle) : null } };
  };

  const kinds = {
    "sign-in": { begin: "/sign-in/passkey/begin", finish: "/sign-in/passkey", with: "", act: ask },
    second: { begin: "/sign-in/passkey/begin", finish: "/sign-in/passkey", with: "second=1", act: ask },
    again: { begin: "/sign-in/again/passkey/begin", finish: "/sign-in/again", with: "", act: ask },
    add: { begin: "/account/passkeys/begin", finish: "/account/passkeys", with: "", act: create },
  };

  const send = (action, fields) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    form.hidden = true;
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      input.type = "hidden"; input.name = name; input.value = value;
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  };

  for (const button of buttons) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const kind = kinds[button.dataset.passkey];
      const problem = document.getElementById("passkey-problem");
      const csrf = document.body.dataset.csrf || "";
      problem.textContent = "";
      button.disabled = true;
      try {
        const answer = await fetch(kind.begin, {
          method: "POST", body: kind.with,
          headers: { "content-type": "application/x-www-form-urlencoded", "x-csrf": csrf, "x-liaison-script": "1" },
        });
        const begun = await answer.json();
        if (begun.go) { location.href = begun.go; return; }
        if (!answer.ok) { problem.textContent = begun.problem; return; }
        const credential = await kind.act(begun.options);
        const name = document.getElementById("f-name");
        send(kind.finish, {
          csrf, ceremony: begun.ceremony, credential: JSON.stringify(credential),
          next: button.dataset.next || "/", name: name ? name.value : "",
        });
      } catch (error) {
        problem.textContent = error.name === "NotAllowedError"
          ? "The passkey was not used. Try again, or use another way."
          : "This did not work. Try again, or use another way.";
      } finally {
        button.disabled = false;
      }
    });
  }
})();
