// An independent client (npm's openid-client), driven line by line: each line is a command, each answer is JSON.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, issuer, clientId, secret] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const client = await import(pathToFileURL(require.resolve('openid-client')));
const config = await client.discovery(
  new URL(issuer), clientId, secret, undefined, { execute: [client.allowInsecureRequests] });
const kept = {};

const commands = {
  async begin({ redirect_uri, scope }) {
    kept.verifier = client.randomPKCECodeVerifier();
    kept.state = client.randomState();
    kept.nonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri, scope, state: kept.state, nonce: kept.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier), code_challenge_method: 'S256' });
    return { url: url.href };
  },
  async pushed({ redirect_uri, scope }) {
    kept.verifier = client.randomPKCECodeVerifier();
    kept.state = client.randomState();
    kept.nonce = client.randomNonce();
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      redirect_uri, scope, state: kept.state, nonce: kept.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(kept.verifier), code_challenge_method: 'S256' });
    return { url: url.href };
  },
  async complete({ url }) {
    const tokens = await client.authorizationCodeGrant(config, new URL(url), {
      pkceCodeVerifier: kept.verifier, expectedState: kept.state, expectedNonce: kept.nonce, idTokenExpected: true });
    return { ...tokens, claims: tokens.claims() };
  },
  userinfo: ({ token, sub }) => client.fetchUserInfo(config, token, sub),
  refresh: ({ token }) => client.refreshTokenGrant(config, token),
  introspect: ({ token }) => client.tokenIntrospection(config, token),
  revoke: async ({ token }) => { await client.tokenRevocation(config, token); return {}; },
  async device({ scope }) {
    kept.device = await client.initiateDeviceAuthorization(config, { scope });
    return kept.device;
  },
  async poll() {
    const tokens = await client.pollDeviceAuthorizationGrant(config, kept.device);
    return { ...tokens, claims: tokens.claims() };
  },
  end: async ({ hint }) => ({ url: client.buildEndSessionUrl(config, { id_token_hint: hint }).href }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...wishes } = JSON.parse(line);
  let answer;
  try {
    answer = await commands[command](wishes);
  } catch (error) {
    answer = { failed: `${error.name}: ${error.message}`, code: error.error ?? error.code };
  }
  console.log(JSON.stringify(answer));
}
