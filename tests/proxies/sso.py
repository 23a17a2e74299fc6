"""Debian's mod_auth_openidc before a gateway that takes people from headers."""

import subprocess
from pathlib import Path

from tests.modules.oidc.relying.office import SECRET
from tests.service import answers, free_port, wait_for

CONFIGURATION = """\
ServerName localhost
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
User www-data
Group www-data
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret {secret}
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase a-passphrase-of-the-test
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCSSLValidateServer Off
OIDCPassClaimsAs {passed}
<Location />
    AuthType openid-connect
    Require valid-user
    RequestHeader set X-Remote-User "expr=%{{REMOTE_USER}}"
    RequestHeader set X-Remote-Name "expr=%{{reqenv:OIDC_CLAIM_name}}"
    RequestHeader set X-Remote-Groups "expr=%{{reqenv:OIDC_CLAIM_groups}}"
</Location>
<Location /healthz>
    AuthType None
    Require all granted
</Location>
ProxyPass /callback !
ProxyPass / http://127.0.0.1:{gateway}/
"""


class SignOnProxy:
    """The server, in a directory that its user can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"

    def start(self, issuer: str, gateway: int, passed: str = "environment") -> None:
        text = CONFIGURATION.format(
            folder=self.folder,
            port=self.port,
            modules="/usr/lib/apache2/modules",
            issuer=issuer,
            gateway=gateway,
            secret=SECRET,
            passed=passed,
        )
        file = self.folder / "apache.conf"
        file.write_text(text)
        self.process = subprocess.Popen(["/usr/sbin/apache2", "-f", str(file), "-DFOREGROUND"])
        health = f"http://127.0.0.1:{self.port}/healthz"
        wait_for(lambda: answers(health) or self.process.poll() is not None, "Apache")
        assert self.process.poll() is None, (self.folder / "error.log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
