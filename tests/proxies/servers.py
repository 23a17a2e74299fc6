"""Reverse proxies as they append what they know of a visitor."""

import subprocess
from pathlib import Path

from tests.service import free_port

NGINX = """\
daemon off; user www-data; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{gateway};
      proxy_set_header X-Forwarded-For {value};
    }}
  }}
}}
"""
APACHE = """\
ServerName 127.0.0.1
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
User www-data
Group www-data
ProxyPass / http://127.0.0.1:{gateway}/
"""
HAPROXY = """\
global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option forwardfor
listen gateway
  bind 127.0.0.1:{port}
  server gateway 127.0.0.1:{gateway}
"""
CADDY = """\
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  reverse_proxy 127.0.0.1:{gateway}
}}
"""
APPENDED, PASSED_ON = "$proxy_add_x_forwarded_for", "$http_x_forwarded_for"
KINDS: dict[str, tuple[str, list[str]]] = {
    "nginx": (NGINX, ["/usr/sbin/nginx", "-c"]),
    "apache": (APACHE, ["/usr/sbin/apache2", "-DFOREGROUND", "-f"]),
    "haproxy": (HAPROXY, ["/usr/sbin/haproxy", "-db", "-f"]),
    "caddy": (CADDY, ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config"]),
}


class Proxy:
    """One of them, in front of a gateway."""

    def __init__(self, kind: str, folder: Path, gateway: int, value: str = APPENDED) -> None:
        configuration, command = KINDS[kind]
        self.port = free_port()
        file = folder / "proxy.conf"
        file.write_text(configuration.format(folder=folder, port=self.port, gateway=gateway, value=value))
        self.process = subprocess.Popen(
            [*command, str(file)],
            stderr=subprocess.DEVNULL,
            env={"HOME": str(folder), "PATH": "/usr/bin", "XDG_DATA_HOME": str(folder)},
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
