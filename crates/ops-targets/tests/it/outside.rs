//! What somebody else started, seen through the kernel (S2).

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use ops_core::{
    id::Digest,
    settings::Adopt,
    world::{Foreign, Proof},
};
use ops_engine::ports::{Artifacts as _, Target as _};

use crate::stand::{Stand, eventually, script};

/// A process of this test's own; ended with it.
struct Own(Child);

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server for an interpreter that every Debian has; it writes its port to the file it is given.
const SERVER: &str = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', \
                      LocalPort => 0, Listen => 5) or die; open(my $f, '>', \"$ARGV[0].new\"); \
                      print $f $s->sockport; close $f; rename(\"$ARGV[0].new\", $ARGV[0]); sleep 1000;";

fn start(program: &Path, arguments: &[&str], folder: &Path) -> Own {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    Own(command.spawn().unwrap())
}

fn taken_in(stand: &Stand, reference: &Path, command: &[String]) -> Digest {
    let reference = reference.display().to_string();
    let digest = stand.store.resolve(&reference, command).unwrap().digest;
    stand.store.import(&reference, &digest).unwrap();
    digest
}

fn adopt(artifact: Digest, listens: Option<String>) -> Adopt {
    Adopt { artifact, version: "v0".into(), commit: None, listens }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn s2_a_program_is_compared_with_what_the_kernel_runs_not_with_the_file() {
    let stand = Stand::new();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("napper");
    std::fs::copy("/bin/sleep", &program).unwrap();
    // One of its kind: other tests let the system's own sleep.
    let mut ending = std::fs::OpenOptions::new().append(true).open(&program).unwrap();
    ending.write_all(folder.path().as_os_str().as_encoded_bytes()).unwrap();
    drop(ending);
    let command = words(&["napper", "1000"]);
    let digest = taken_in(&stand, &program, &command);
    let adopt = adopt(digest, None);
    assert_eq!(stand.target.outside(&adopt, &command).unwrap(), None, "nothing of it runs");
    let own = start(&program, &["1000"], folder.path());
    let look = || stand.target.outside(&adopt, &command).unwrap();
    let is_it = |found: Option<Foreign>| {
        found.is_some_and(|one| one.pid == own.0.id() && one.proof == Proof::Program)
    };
    eventually("it is found by its program", || is_it(look()));
    // A new build lies in its place already; what runs is the former one.
    std::fs::remove_file(&program).unwrap();
    std::fs::copy("/bin/cat", &program).unwrap();
    assert!(is_it(look()), "the former program still runs");
    let other = taken_in(&stand, &program, &command);
    let newer = Adopt { artifact: other, ..adopt.clone() };
    assert_eq!(stand.target.outside(&newer, &command).unwrap(), None, "nobody runs the new one");
}

#[test]
fn s2_a_script_is_compared_file_by_file_where_it_listens() {
    let stand = Stand::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("server.pl"), SERVER).unwrap();
    std::fs::write(at("data"), "as it was").unwrap();
    let command = words(&["/usr/bin/perl", "server.pl", "{port}"]);
    let digest = taken_in(&stand, folder.path(), &command);
    let said = stand.state().join("port");
    let own =
        start(Path::new("/usr/bin/perl"), &["server.pl", said.to_str().unwrap()], folder.path());
    eventually("it listens", || said.exists());
    let address = format!("127.0.0.1:{}", std::fs::read_to_string(&said).unwrap());
    let adopt = adopt(digest, Some(address.clone()));
    let found = stand.target.outside(&adopt, &command).unwrap().unwrap();
    assert_eq!((found.pid, found.proof), (own.0.id(), Proof::Files));
    let me = ops_targets::running(Some(&address), None).unwrap();
    assert_eq!((me.pid, me.arguments.len()), (own.0.id(), 3));

    std::fs::write(at("data"), "changed").unwrap();
    let found = stand.target.outside(&adopt, &command).unwrap().unwrap();
    assert!(matches!(found.proof, Proof::Differs { .. }), "{found:?}");
    drop(own);
    assert_eq!(
        stand.target.outside(&adopt, &command).unwrap(),
        None,
        "it does not listen any more"
    );
    assert!(ops_targets::running(Some(&address), None).is_err());
}

#[test]
fn s2_something_else_behind_the_address_is_told() {
    let stand = Stand::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    script(&folder.path().join("run"), "exec sleep 1000");
    let command = words(&["run"]);
    let digest = taken_in(&stand, folder.path(), &command);
    let adopt = adopt(digest, Some(listener.local_addr().unwrap().to_string()));
    let found = stand.target.outside(&adopt, &command).unwrap().unwrap();
    assert_eq!(found.pid, std::process::id());
    assert!(matches!(found.proof, Proof::Differs { .. }), "{found:?}");
}
