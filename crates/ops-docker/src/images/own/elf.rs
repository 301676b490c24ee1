//! What an ELF file says of what it needs to run: the program that interprets it, and the name by
//! which others need it. Of machines with words of 64 bits whose lowest byte comes first, which is
//! what ops is built for.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::{ffi::OsStringExt as _, fs::FileExt as _},
    path::PathBuf,
};

/// Magic number, class and order of bytes.
const BEGIN: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
const HEADER: usize = 64;
const SEGMENT: usize = 56;
const SEGMENTS_MAX: usize = 4096;
/// Of a segment that is read here, so much at most.
const TABLE_MAX: u64 = 1024 * 1024;
const NAME_MAX: usize = 4096;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const STRINGS: u64 = 5;
const SONAME: u64 = 14;

/// An ELF file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    /// What runs it; `None` if it needs nobody.
    pub(super) interpreter: Option<PathBuf>,
    /// The name by which others need it, if it says one.
    pub(super) soname: Option<String>,
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// Reads a file; `None` if it is of another kind.
pub(super) fn read(file: &File) -> io::Result<Option<Elf>> {
    let mut header = [0; HEADER];
    match file.read_exact_at(&mut header, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    if header[..BEGIN.len()] != BEGIN {
        return Ok(None);
    }
    let segments = segments(file, &header)?;
    let mut elf = Elf::default();
    for segment in &segments {
        match segment.kind {
            INTERPRETER => {
                let path = until_zero(&bytes(file, segment.offset, segment.size)?)?;
                elf.interpreter = Some(PathBuf::from(OsString::from_vec(path)));
            }
            DYNAMIC => elf.soname = soname(file, segment, &segments)?,
            _ => {}
        }
    }
    Ok(Some(elf))
}

fn segments(file: &File, header: &[u8]) -> io::Result<Vec<Segment>> {
    let (size, count) = (short(header, 54)?, short(header, 56)?);
    if size < SEGMENT || count > SEGMENTS_MAX {
        return Err(broken());
    }
    let table = bytes(file, long(header, 32)?, (size * count) as u64)?;
    let read = |entry: &[u8]| {
        Ok(Segment {
            kind: word(entry, 0)?,
            offset: long(entry, 8)?,
            address: long(entry, 16)?,
            size: long(entry, 32)?,
        })
    };
    table.chunks_exact(size).map(read).collect()
}

fn soname(file: &File, dynamic: &Segment, all: &[Segment]) -> io::Result<Option<String>> {
    let table = bytes(file, dynamic.offset, dynamic.size)?;
    let entry = |wanted: u64| {
        let mut entries = table.chunks_exact(16);
        let found = entries.find(|entry| long(entry, 0).is_ok_and(|tag| tag == wanted));
        found.map(|entry| long(entry, 8)).transpose()
    };
    let (Some(strings), Some(name)) = (entry(STRINGS)?, entry(SONAME)?) else { return Ok(None) };
    // Where the strings are in memory is said; where in the file, the segment tells that holds them.
    let holds = |one: &&Segment| {
        one.kind == LOAD && strings.checked_sub(one.address).is_some_and(|at| at < one.size)
    };
    let segment = all.iter().find(holds).ok_or_else(broken)?;
    let place = (strings - segment.address).checked_add(segment.offset);
    let place = place.and_then(|place| place.checked_add(name)).ok_or_else(broken)?;
    let mut text = vec![0; NAME_MAX];
    let read = file.read_at(&mut text, place)?;
    let name = until_zero(&text[..read])?;
    Ok(Some(String::from_utf8(name).map_err(|_| broken())?))
}

fn bytes(file: &File, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > TABLE_MAX {
        return Err(broken());
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| broken())?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn until_zero(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or_else(broken)?;
    Ok(bytes[..end].to_vec())
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(broken)
}

fn short(bytes: &[u8], at: usize) -> io::Result<usize> {
    part(bytes, at).map(|part| usize::from(u16::from_le_bytes(part)))
}

fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    part(bytes, at).map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> io::Result<u64> {
    part(bytes, at).map(u64::from_le_bytes)
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the ELF file is broken")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A file with an interpreter, a name and the strings, whose segment lies elsewhere in memory.
    fn sample() -> Vec<u8> {
        const MEMORY: u64 = 0x40_0000;
        let mut file = vec![0; HEADER];
        file[..BEGIN.len()].copy_from_slice(&BEGIN);
        file[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
        file[54..56].copy_from_slice(&(SEGMENT as u16).to_le_bytes());
        file[56..58].copy_from_slice(&3_u16.to_le_bytes());
        let rest = (HEADER + 3 * SEGMENT) as u64;
        let interpreter = b"/lib/ld.so\0";
        let strings = b"\0libone.so.1\0";
        let dynamic = rest + interpreter.len() as u64 + strings.len() as u64;
        let table: Vec<u64> = vec![STRINGS, MEMORY + interpreter.len() as u64, SONAME, 1, 0, 0];
        let mut segment = |kind: u32, offset: u64, address: u64, size: u64| {
            let mut entry = [0; SEGMENT];
            entry[..4].copy_from_slice(&kind.to_le_bytes());
            for (at, value) in [(8, offset), (16, address), (32, size)] {
                entry[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            file.extend(entry);
        };
        segment(LOAD, rest, MEMORY, 1000);
        segment(INTERPRETER, rest, MEMORY, interpreter.len() as u64);
        segment(DYNAMIC, dynamic, 0, 48);
        file.extend(interpreter);
        file.extend(strings);
        file.extend(table.into_iter().flat_map(u64::to_le_bytes));
        file
    }

    fn of(bytes: &[u8]) -> io::Result<Option<Elf>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        read(&file)
    }

    #[test]
    fn interpreter_and_name_are_read_and_other_files_are_none() {
        let elf = of(&sample()).unwrap().unwrap();
        assert_eq!(elf.interpreter, Some(PathBuf::from("/lib/ld.so")));
        assert_eq!(elf.soname.as_deref(), Some("libone.so.1"));
        for other in [&b""[..], b"#!/bin/sh\n", &[b'x'; 200]] {
            assert_eq!(of(other).unwrap(), None);
        }
    }

    #[test]
    fn a_broken_file_is_refused_wherever_it_ends() {
        let whole = sample();
        for length in HEADER..whole.len() {
            assert!(of(&whole[..length]).is_err(), "{length}");
        }
        let mut huge = whole;
        huge[HEADER + SEGMENT + 32..][..8].fill(0xff);
        assert!(of(&huge).is_err());
    }

    #[test]
    fn this_very_program_is_one() {
        let this = File::open("/proc/self/exe").unwrap();
        assert!(read(&this).unwrap().is_some());
    }
}
