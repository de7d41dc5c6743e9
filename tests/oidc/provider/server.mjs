// A real OpenID provider (npm's oidc-provider) for the opt-in test of logging in: people are made up,
// everything else is its own. node server.mjs '{"port":…,"redirect":…,"page":…,"secret":…}'
import Provider from "oidc-provider";

const given = JSON.parse(process.argv[2]);
// A login name is the account. "sub" is none of its letters: who renames or takes over a name is told apart by it.
const people = {
  ana: { sub: "5f1b", preferred_username: "ana", groups: ["staff", "chiefs"] },
  bob: { sub: "77aa", preferred_username: "bob", groups: ["staff"] },
  eve: { sub: "90cd", preferred_username: "eve", groups: ["strangers"] },
  "ana-again": { sub: "0b0b", preferred_username: "ana", groups: ["chiefs"] },
};

const provider = new Provider(`http://127.0.0.1:${given.port}`, {
  clients: [{
    client_id: "batuta",
    client_secret: given.secret,
    redirect_uris: [given.redirect],
    post_logout_redirect_uris: [given.page],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  }],
  pkce: { required: () => true, methods: ["S256"] },
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ["only for a test"] },
  findAccount: (_, id) => {
    const person = people[id];
    return person && { accountId: id, claims: () => person };
  },
  // Its answers of errors would be a page: the reason is for the test's own log.
  renderError: (ctx, out, error) => {
    ctx.type = "text";
    ctx.body = `${error.name}: ${error.error_description ?? error.message}`;
  },
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(given.port, "127.0.0.1", () => console.log("ready"));
