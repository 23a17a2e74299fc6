// Bundles what the tests run of Jitsi Meet's own client: `node bundle.mjs <folder with node_modules>`.
//
// The files of REAL are the client's, unchanged (npm's @jitsi/react-native-sdk, Apache-2.0); whatever else they
// import (user interface, media, store) is a stub that answers nothing.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const modules = resolve(process.argv[2]);
const require = createRequire(`${modules}/`);
const esbuild = await import(pathToFileURL(require.resolve('esbuild')));
const features = join(modules, 'node_modules/@jitsi/react-native-sdk/react/features');

const REAL = new Set([
    'app/actions.any.ts',
    'authentication/actions.web.ts',
    'authentication/functions.any.ts',
    'authentication/functions.web.ts',
    'base/jwt/actionTypes.ts',
    'base/jwt/actions.ts',
    'base/jwt/constants.ts',
    'base/jwt/functions.ts',
    'base/util/parseURLParams.ts',
    'base/util/strings.web.ts',
    'base/util/uri.ts',
    'settings/actions.web.ts'
]);
const PACKAGES = [ 'base64-js', 'jwt-decode', '@braintree/sanitize-url', '@hapi/bourne' ];
const ENDINGS = [ '.web.ts', '.ts', '.any.ts' ];

// esbuild copies a module onto an object with the same prototype: so it is the prototype that answers.
const STUB = `
const nothing = new Proxy(function () {}, { get: () => nothing, apply: () => undefined, construct: () => ({}) });
const known = { browser: { isElectron: () => globalThis.isElectron === true }, __esModule: true };
module.exports = Object.create(new Proxy({}, { get: (_, name) => known[name] ?? nothing }));
`;

const client = {
    name: 'jitsi',
    setup(build) {
        build.onResolve({ filter: /^jitsi:/ }, found => ({ path: join(features, found.path.slice(6)) }));
        build.onResolve({ filter: /./ }, found => {
            if (found.kind === 'entry-point' || found.path.startsWith('jitsi:')) {
                return null;
            }
            if (!found.path.startsWith('.')) {
                const real = found.path.startsWith('@jitsi/js-utils') || PACKAGES.includes(found.path);

                return real ? null : { path: found.path, namespace: 'stub' };
            }
            if (!found.importer.startsWith(features)) {
                return null;
            }
            const base = join(dirname(found.importer), found.path);
            const path = ENDINGS.map(ending => base + ending).find(existsSync);

            return path && REAL.has(relative(features, path)) ? { path } : { path: base, namespace: 'stub' };
        });
        build.onLoad({ filter: /./, namespace: 'stub' }, () => ({ contents: STUB, loader: 'js' }));
    }
};

const here = dirname(fileURLToPath(import.meta.url));
const shared = { absWorkingDir: modules, bundle: true, logLevel: 'warning', nodePaths: [ join(modules, 'node_modules') ],
    plugins: [ client ] };

await esbuild.build({ ...shared, entryPoints: [ join(here, 'address.ts') ], format: 'cjs', platform: 'node',
    outfile: join(modules, 'address.js') });
await esbuild.build({ ...shared, entryPoints: [ join(here, 'page.ts') ], format: 'iife', globalName: 'jitsi',
    outfile: join(modules, 'page.js') });
