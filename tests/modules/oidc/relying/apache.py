"""Debian's Apache with `mod_auth_openidc`, in front of a page."""

import subprocess
from pathlib import Path

from tests.modules.oidc.relying.office import SECRET
from tests.service import answers, free_port, wait_for

MODULES = "/usr/lib/apache2/modules"
CONFIGURATION = """\
ServerName 127.0.0.1
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
TypesConfig /etc/mime.types
DocumentRoot {folder}/pages
User www-data
Group www-data
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret {secret}
OIDCRedirectURI http://127.0.0.1:{port}/private/callback
OIDCCryptoPassphrase a-passphrase-of-the-test
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCSSLValidateServer Off
<Location />
    Require all granted
</Location>
<Location /private/>
    AuthType openid-connect
    Require claim groups:users
    Header set X-Who "expr=%{{REMOTE_USER}}"
    Header set X-Mail "expr=%{{reqenv:OIDC_CLAIM_email}}"
</Location>
"""


class Apache:
    """The server, in a directory that its user can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, issuer: str) -> None:
        pages = self.folder / "pages/private"
        pages.mkdir(parents=True)
        (pages / "index.html").write_text("<h1>The private page</h1>")
        (self.folder / "pages/public.txt").write_text("public")
        for path in [self.folder, *self.folder.parents, *self.folder.rglob("*")]:
            if path.is_relative_to(self.folder) or path.owner() == "root":
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        text = CONFIGURATION.format(
            folder=self.folder, port=self.port, modules=MODULES, issuer=issuer, secret=SECRET
        )
        file = self.folder / "apache.conf"
        file.write_text(text)
        self.process = subprocess.Popen(["/usr/sbin/apache2", "-f", str(file), "-DFOREGROUND"])
        wait_for(lambda: answers(f"{self.url}/public.txt") or self.process.poll() is not None, "Apache")
        assert self.process.poll() is None, (self.folder / "error.log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
