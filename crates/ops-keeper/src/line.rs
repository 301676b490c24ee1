//! The form of a line in a log file: `<wall clock> <out|err|ops> <text>`.

/// Bytes of a line's text; longer ones are cut into several.
pub const LINE_MAX: usize = 8 * 1024;
/// Bytes of the wall clock, `2026-11-22T12:05:01.123Z`, with digits where this has zeros.
const CLOCK: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
const LOST: &str = " lines were dropped: the disk is full or the log floods";

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The service, to its standard output.
    Out,
    /// The service, to its standard error.
    Err,
    /// The keeper.
    Keeper,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Keeper => "ops",
        }
    }
}

/// A line of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// Who wrote it.
    pub source: Source,
    /// What was written; one that was cut has [`LINE_MAX`] bytes, and the next one of its source
    /// goes on with it.
    pub text: &'a [u8],
}

impl<'a> LogLine<'a> {
    /// Reads a line without its end; `None` if no keeper wrote it so.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (clock, rest) = line.split_at_checked(CLOCK.len())?;
        let fits = |(is, form): (&u8, &u8)| {
            if *form == b'0' { is.is_ascii_digit() } else { is == form }
        };
        if !clock.iter().zip(CLOCK).all(fits) {
            return None;
        }
        [Source::Out, Source::Err, Source::Keeper].into_iter().find_map(|source| {
            let rest = rest.strip_prefix(b" ")?.strip_prefix(source.name().as_bytes())?;
            Some(Self { source, text: rest.strip_prefix(b" ")? })
        })
    }

    /// How many lines could not be kept, where the keeper says so.
    pub fn lost(&self) -> Option<u64> {
        if self.source != Source::Keeper {
            return None;
        }
        str::from_utf8(self.text).ok()?.strip_suffix(LOST)?.parse().ok()
    }
}

/// What the keeper says of lines that could not be kept.
pub(crate) fn lost(lines: u64) -> String {
    format!("{lines}{LOST}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_nothing_else_is() {
        let line = LogLine::parse(b"2026-11-22T12:05:01.123Z err some text ").unwrap();
        assert_eq!(
            (line.source, line.text, line.lost()),
            (Source::Err, b"some text ".as_slice(), None)
        );
        let line = LogLine::parse(b"2026-11-22T12:05:01.123Z out ").unwrap();
        assert_eq!((line.source, line.text), (Source::Out, b"".as_slice()));
        for other in [
            "",
            "text",
            "2026-11-22T12:05:01.123Z",
            "2026-11-22T12:05:01.123Z foo x",
            "2026-11-22 12:05:01.123Z out x",
        ] {
            assert_eq!(LogLine::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_the_keeper_says_how_many_lines_were_lost() {
        let text = lost(7);
        let line = |source| LogLine { source, text: text.as_bytes() };
        assert_eq!(line(Source::Keeper).lost(), Some(7));
        assert_eq!(line(Source::Out).lost(), None);
        assert_eq!(LogLine { source: Source::Keeper, text: b"stopped" }.lost(), None);
    }
}
