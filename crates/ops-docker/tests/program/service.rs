//! What containers of the tests run: a static program that needs nothing else in its image.
//!
//! Its first argument says how it behaves: `serve`, `fail`, `stubborn`, `eat`, `check`. So do variables:
//! `STUBBORN` ignores TERM, `DIES_AFTER` ends it after so many visits, `JOBS` is a folder that it does
//! jobs in. What it serves is asked for by path: see `answer`.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// How often somebody came to `/`.
static VISITS: AtomicU64 = AtomicU64::new(0);

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

/// Whether no more jobs are to be taken.
static LEAVES: AtomicBool = AtomicBool::new(false);

extern "C" fn finish(_number: i32) {
    LEAVES.store(true, Ordering::SeqCst);
}

fn main() {
    let how = std::env::args().nth(1).unwrap_or_else(|| "serve".to_owned());
    let set = |name: &str| std::env::var_os(name).is_some();
    let handler = if how == "stubborn" || set("STUBBORN") {
        IGNORE
    } else if set("JOBS") {
        finish as extern "C" fn(i32) as usize
    } else {
        leave as extern "C" fn(i32) as usize
    };
    // SAFETY: the handler is one that may be called at any time.
    unsafe { signal(TERM, handler) };
    match how.as_str() {
        "fail" => std::process::exit(3),
        // The health check of the image: whoever is asked to `/write/sick` fails it from then on.
        "check" => std::process::exit(i32::from(std::path::Path::new("/sick").exists())),
        "eat" => eat(),
        _ if set("JOBS") => work(),
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

/// Does one job after the other until it is told to leave; the job in hand is finished.
fn work() {
    let folder = std::env::var("JOBS").unwrap_or_default();
    let version = std::env::var("VERSION").unwrap_or_default();
    let me = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let mut job = 0;
    while !LEAVES.load(Ordering::SeqCst) {
        let name = format!("{folder}/{version}-{}-{job}", me.trim());
        std::fs::write(format!("{name}.begun"), "").expect("the folder is mine");
        let until = std::time::Instant::now() + Duration::from_secs(2);
        // TERM wakes from a sleep, and ends no job.
        while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        std::fs::write(format!("{name}.done"), "").expect("the folder is mine");
        job += 1;
    }
    let _ = std::fs::write(format!("{folder}/{version}.left"), "");
}

fn serve() {
    let Ok(port) = std::env::var("PORT") else { sleep() };
    let port: u16 = port.parse().expect("PORT is a number");
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is mine");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

/// `/env/NAME`, `/file/PATH`, `/write/PATH`, `/log/TEXT`, `/until/PATH`, and anything else.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut bytes = [0; 2048];
    let read = stream.read(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or("/");
    if let Some(file) = path.strip_prefix("/until") {
        return drip(stream, file);
    }
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
    let visits = VISITS.fetch_add(u64::from(path == "/"), Ordering::SeqCst);
    let last = std::env::var("DIES_AFTER").ok().and_then(|text| text.parse::<u64>().ok());
    // A version with `FAILS` is healthy, and fails whoever visits it, from so many visits on. One may be
    // sick on the hosts alone whose volume says so.
    let fails = std::env::var("FAILS")
        .is_ok_and(|from| path == "/" && visits >= from.parse().unwrap_or(0))
        || std::fs::exists(format!("/flags/sick-{version}")).unwrap_or(false);
    let status = if fails { "500 Internal Server Error" } else { "200 OK" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nX-Shop-Version: {version}\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{said}",
        said.len()
    )?;
    if last.is_some_and(|last| visits >= last) {
        // Whoever was answered has the answer.
        stream.shutdown(std::net::Shutdown::Write)?;
        let _ = stream.read(&mut bytes);
        std::process::exit(7);
    }
    Ok(())
}

/// An answer that goes on until there is a file.
fn drip(mut stream: TcpStream, file: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")?;
    while !std::fs::exists(file).unwrap_or(false) {
        write!(stream, "1\r\n.\r\n")?;
        std::thread::sleep(Duration::from_millis(50));
    }
    write!(stream, "0\r\n\r\n")
}
