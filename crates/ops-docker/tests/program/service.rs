//! What containers of the tests run: a static program that needs nothing else in its image.
//!
//! Its first argument says how it behaves: `serve`, `fail`, `stubborn`, `eat`. What it serves is
//! asked for by path: see `answer`.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

const TERM: i32 = 15;
const IGNORE: usize = 1;

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn _exit(status: i32) -> !;
}

extern "C" fn leave(_number: i32) {
    // SAFETY: _exit may be called from a signal handler.
    unsafe { _exit(0) }
}

fn main() {
    let how = std::env::args().nth(1).unwrap_or_else(|| "serve".to_owned());
    let handler = if how == "stubborn" { IGNORE } else { leave as extern "C" fn(i32) as usize };
    // SAFETY: the handler is one that may be called at any time.
    unsafe { signal(TERM, handler) };
    match how.as_str() {
        "fail" => std::process::exit(3),
        "eat" => eat(),
        _ => serve(),
    }
}

/// Takes memory until it is not given any more.
fn eat() {
    // Long enough to be looked at before it ends.
    std::thread::sleep(Duration::from_secs(1));
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(vec![1; 8 * 1024 * 1024]);
    }
}

fn serve() {
    let Ok(port) = std::env::var("PORT") else { sleep() };
    let port: u16 = port.parse().expect("PORT is a number");
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is mine");
    for stream in listener.incoming().flatten() {
        let _ = answer(stream);
    }
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// `/env/NAME`, `/file/PATH`, `/write/PATH`, `/log/TEXT`, and anything else.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut bytes = [0; 2048];
    let read = stream.read(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or("/");
    let said = if let Some(name) = path.strip_prefix("/env/") {
        std::env::var(name).unwrap_or_default()
    } else if let Some(file) = path.strip_prefix("/file") {
        std::fs::read_to_string(file).unwrap_or_else(|error| format!("{error}"))
    } else if let Some(file) = path.strip_prefix("/write") {
        std::fs::write(file, "written").map_or_else(|error| format!("{error}"), |()| "ok".into())
    } else if let Some(text) = path.strip_prefix("/log/") {
        eprintln!("{}", text.replace('_', " "));
        "ok".to_owned()
    } else {
        "ok".to_owned()
    };
    let version = std::env::var("VERSION").unwrap_or_default();
    // A version with `FAILS` is healthy, and fails whoever visits it. One may be sick on the hosts
    // alone whose volume says so.
    let fails = std::env::var_os("FAILS").is_some() && path == "/"
        || std::fs::exists(format!("/flags/sick-{version}")).unwrap_or(false);
    let status = if fails { "500 Internal Server Error" } else { "200 OK" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nX-Shop-Version: {version}\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{said}",
        said.len()
    )
}
