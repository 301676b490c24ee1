//! The peers: found, and told to work as `ops edge` does.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{cores::Cores, proxies::Kind};
use crate::ground::BenchError;

/// Refuses unless all that a measurement needs is installed.
pub(crate) fn need(kinds: &[Kind], more: &[(&str, &str)]) -> Result<(), BenchError> {
    let wanted = kinds.iter().filter_map(|kind| kind.debian()).chain(more.iter().copied());
    let missing: Vec<_> =
        wanted.filter(|(program, _)| find(program).is_none()).map(|(_, package)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    let why =
        format!("not installed: {missing}; run bench/edge/setup, or apt-get install {missing}");
    Err(BenchError::Odd(why))
}

/// A program of the search path, or of the folders of system programs, which users may not have
/// in theirs.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A peer's command on the proxy's core, with its configuration written into a folder: where it
/// listens, where requests go, how many client connections it may have.
pub(super) fn command(
    kind: Kind,
    folder: &Path,
    cores: Cores,
    (address, backend, connections): (SocketAddr, SocketAddr, u32),
) -> Result<Command, BenchError> {
    let (name, _) = kind.debian().unwrap_or_default();
    let program = find(name).ok_or_else(|| BenchError::Odd(format!("{name} is not installed")))?;
    let mut command = cores.on_proxy_core(program);
    let (file, text) = match kind {
        Kind::Haproxy => ("haproxy.cfg", haproxy(address, backend, connections)),
        Kind::Nginx => ("nginx.conf", nginx(folder, address, backend, connections)),
        Kind::Caddy | Kind::Ops => ("Caddyfile", caddy(address, backend)),
    };
    let file = folder.join(file);
    fs::write(&file, text)
        .map_err(|why| BenchError::system("write", file.display().to_string(), why))?;
    match kind {
        Kind::Haproxy => command.arg("-f").arg(&file),
        Kind::Nginx => command.arg("-c").arg(&file).arg("-e").arg(folder.join("error.log")),
        Kind::Caddy | Kind::Ops => command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("GOMAXPROCS", "1")
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_DATA_HOME", folder),
    };
    Ok(command)
}

/// It refuses to start if it may not open two files for each connection, unless told not to.
fn haproxy(address: SocketAddr, backend: SocketAddr, connections: u32) -> String {
    format!(
        "global
  nbthread 1
  no strict-limits
  maxconn {connections}
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  timeout http-keep-alive 60s
  option forwardfor
frontend door
  bind {address}
  maxconn {connections}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend service
backend service
  http-reuse always
  server one {backend}
"
    )
}

fn nginx(folder: &Path, address: SocketAddr, backend: SocketAddr, connections: u32) -> String {
    let folder = folder.display();
    // Those to clients and to the backend are counted together.
    let files = 2 * connections;
    format!(
        "worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  upstream service {{ server {backend}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"
    )
}

/// Caddy sends the three headers by itself.
fn caddy(address: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind {ip}
  reverse_proxy {backend} {{
    transport http {{
      keepalive_idle_conns 256
      keepalive_idle_conns_per_host 256
    }}
  }}
}}
",
        port = address.port(),
        ip = address.ip()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_by_its_package() {
        let error = need(&[], &[("no-such-program", "its-package")]).unwrap_err().to_string();
        assert!(error.contains("apt-get install its-package"), "{error}");
        assert!(need(&[], &[("sh", "dash")]).is_ok());
    }
}
