// A real OpenID provider (npm's oidc-provider) with its own sign-in page. Under /control a test changes what it
// does: rotates its keys, says who people are, and lets it misbehave once.
//
// node server.mjs FOLDER-OF-NODE-MODULES   prints its port
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { Readable } from 'node:stream';

const modules = createRequire(pathToFileURL(`${process.argv[2]}/x.js`));
const load = (name) => import(pathToFileURL(modules.resolve(name)));
console.info = console.warn = () => {};
const { default: Provider } = await load('oidc-provider');
const { SignJWT, importJWK, decodeJwt, decodeProtectedHeader, UnsecuredJWT } = await load('jose');

const people = new Map();
const kept = new Map();
let number = 0;
let keys;
let provider;
let once = {};
let careless = false;
const gone = new Set();
let seen = [];

function newKeys() {
  number += 1;
  const made = [
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ];
  keys = made.map(([alg, { privateKey }]) => ({
    ...privateKey.export({ format: 'jwk' }), kid: `${alg}-${number}`, use: 'sig', ...(alg !== 'RS256' && { alg }),
  }));
}

function claimsOf(sub) {
  const name = `${sub[0].toUpperCase()}${sub.slice(1)} Tyler`;
  const email = { email: `${sub}@example.com`, email_verified: true };
  return { sub, name, preferred_username: sub, given_name: name.split(' ')[0], family_name: 'Tyler',
    ...email, groups: ['staff'], ...people.get(sub) };
}

async function grantEverything(ctx) {
  const grant = new ctx.oidc.provider.Grant({
    clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid profile email groups');
  grant.addOIDCClaims(['acr', 'auth_time']);
  await grant.save();
  return grant;
}

const openid = ['sub', 'acr', 'auth_time'];
const profile = ['name', 'preferred_username', 'given_name', 'family_name', 'locale'];
const configuration = () => ({
  jwks: { keys },
  cookies: { keys: ['for tests'] },
  acrValues: ['1', '2'],
  claims: { openid, profile, email: ['email', 'email_verified'], groups: ['groups', 'realm_access'] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] },
  features: {
    devInteractions: { enabled: false }, registration: { enabled: true }, claimsParameter: { enabled: true },
    backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true, logoutSource },
  },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 600, IdToken: 7200, AuthorizationCode: 60, RefreshToken: 3600 },
  pkce: { required: () => !careless, methods: ['S256'] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => (gone.has(sub) ? undefined : { accountId: sub, claims: () => claimsOf(sub) }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  loadExistingGrant: grantEverything,
  renderError: (ctx, out) => { ctx.body = out; },
});

function restart() {
  provider = new Provider(issuer, configuration());
}

const page = `<!doctype html><html lang="en"><title>Example ID</title><link rel="icon" href="data:,"><h1>Example ID</h1>
<form method="post"><label>Name <input name="login"></label> <label>Strength <input name="acr" value="1"></label>
<button>Continue</button> <button name="refuse" value="1">No, thanks</button></form>`;

// The library's own page loads a font from elsewhere.
function logoutSource(ctx, form) {
  ctx.body = `<!doctype html><html lang="en"><title>Example ID</title><link rel="icon" href="data:,">${form}
<button form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`;
}

async function interaction(request, response, text) {
  if (request.method === 'GET') {
    response.setHeader('Content-Type', 'text/html').end(page);
    return;
  }
  const form = new URLSearchParams(text);
  const refused = { error: 'access_denied', error_description: '<script>alert(1)</script>' };
  const result = form.get('refuse') ? refused : { login: { accountId: form.get('login'), acr: form.get('acr') ?? '1' } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function sign(header, claims) {
  const { alg } = header;
  if (alg === 'none') return new UnsecuredJWT(claims).encode();
  const private_ = keys.find((key) => key.kid === header.kid) ?? keys[0];
  return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(private_, alg));
}

const controls = {
  keys: async () => { newKeys(); restart(); },
  person: async ({ sub, claims }) => { people.set(sub, claims); },
  gone: async ({ sub }) => { gone.add(sub); },
  once: async (wanted) => { once = { ...once, ...wanted }; },
  token: async ({ header, claims }) => sign({ kid: keys[0].kid, alg: 'RS256', ...header }, claims),
  kept: async ({ name }) => kept.get(name),
  careless: async (wanted) => { careless = wanted.on; },
  seen: async () => { const found = seen; seen = []; return found; },
};

// Change the ID token of an answer: other claims (null takes one away), another header, or another token.
async function changed(body, { claims, header, id_token: other }) {
  const now = { ...decodeJwt(body.id_token), ...claims };
  for (const [name, value] of Object.entries(now)) if (value === null) delete now[name];
  return { ...body, id_token: other ?? await sign({ ...decodeProtectedHeader(body.id_token), ...header }, now) };
}

// Sign an ID token again by HMAC, with what is no secret or is not meant for that.
function confused(token, { confuse, secret }) {
  const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encoded({ alg: 'HS256', kid: decodeProtectedHeader(token).kid })}.${token.split('.')[1]}`;
  const pem = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  return `${text}.${createHmac('sha256', confuse === 'public key' ? pem : secret).update(text).digest('base64url')}`;
}

function misbehave(path, response) {
  const wanted = once[path];
  if (!wanted) return;
  delete once[path];
  const end = response.end.bind(response);
  response.end = async (chunk) => {
    let body = wanted.body ?? JSON.parse(chunk);
    if (wanted.merge) body = { ...body, ...wanted.merge };
    if (wanted.keep) kept.set(wanted.keep, body);
    if (wanted.kept) body = kept.get(wanted.kept);
    if (wanted.confuse) body = { ...body, id_token: confused(body.id_token, wanted) };
    if (wanted.token) body = await changed(body, wanted.token);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.statusCode = wanted.status ?? response.statusCode;
    for (const [name, value] of Object.entries(wanted.headers ?? {})) response.setHeader(name, value);
    response.setHeader('Content-Length', Buffer.byteLength(text));
    end(text);
  };
}

// As a provider that has never heard of PKCE: neither the challenge nor the verifier reaches it.
async function forgetPkce(request) {
  const url = new URL(request.url, issuer);
  for (const name of ['code_challenge', 'code_challenge_method']) url.searchParams.delete(name);
  request.url = `${url.pathname}${url.search}`;
  if (request.method !== 'POST') return;
  let text = '';
  for await (const chunk of request) text += chunk;
  const form = new URLSearchParams(text);
  form.delete('code_verifier');
  request.body = Object.fromEntries(form);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  const [, first, second] = pathname.split('/');
  if (first !== 'control' && first !== 'interaction') {
    seen.push(`${request.method} ${pathname}`);
    if (careless && ['/auth', '/token'].includes(pathname)) await forgetPkce(request);
    misbehave(pathname, response);
    provider.callback()(request, response);
    return;
  }
  let text = '';
  for await (const chunk of Readable.from(request)) text += chunk;
  if (first === 'interaction') await interaction(request, response, text);
  else response.end(JSON.stringify(await controls[second](JSON.parse(text)) ?? null));
});

server.listen(0, '127.0.0.1');
await new Promise((resolve) => { server.once('listening', resolve); });
const issuer = `http://localhost:${server.address().port}`;
newKeys();
restart();
console.log(server.address().port);
