//! Server-sent events, of which this protocol uses the data alone.

/// Longest event, in bytes: a token of an answer takes a few hundred.
pub const EVENT_MAX: usize = 256 << 10;

/// An event is longer than [`EVENT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads events from bytes that come in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun; `None` as long as it has none.
    data: Option<String>,
    /// Whether a line feed would belong to the end of the last line.
    after_return: bool,
    /// Whether a line has ended before.
    begun: bool,
}

impl Events {
    /// Takes some bytes in; the data of each event that they complete is added to `to`.
    ///
    /// # Errors
    ///
    /// [`TooLong`], after which nothing more can be read.
    pub(crate) fn push(&mut self, bytes: &[u8], to: &mut Vec<String>) -> Result<(), TooLong> {
        for &byte in bytes {
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                _ if second_half => {}
                b'\r' | b'\n' => to.extend(self.end_line()),
                _ if self.held() >= EVENT_MAX => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// No more bytes come. An event whose empty line is missing counts; a line without an end does
    /// not, since nobody knows what it would have become.
    pub(crate) fn finish(self) -> Option<String> {
        self.data
    }

    fn held(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let mark: &[u8] = if self.begun { b"" } else { b"\xef\xbb\xbf" };
        self.begun = true;
        let line = line.strip_prefix(mark).unwrap_or(&line);
        if line.is_empty() {
            return self.data.take();
        }
        let value = match line.strip_prefix(b"data") {
            Some(b"") => b"",
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            // Comments, which keep the connection alive, and fields that mean nothing here.
            _ => return None,
        };
        let value = String::from_utf8_lossy(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, TooLong> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in pieces {
            events.push(piece, &mut all)?;
        }
        all.extend(events.finish());
        Ok(all)
    }

    #[test]
    fn events_are_read_as_they_are_written() {
        let table: [(&str, &[&str]); 15] = [
            ("", &[]),
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
            ("data: a\r\rdata: b\r\r", &["a", "b"]),
            ("\u{feff}data: a\n\n", &["a"]),
            ("data:a\n\ndata:  b\n\n", &["a", " b"]),
            (": alive\n\n: alive\n\ndata: a\n\n", &["a"]),
            ("event: x\nid: 7\nretry: 1\ndata: a\n\n", &["a"]),
            ("data: a\ndata: b\n\n", &["a\nb"]),
            ("data: a\r\ndata: b\r\n\r\n", &["a\nb"]),
            ("data\n\n", &[""]),
            ("data: a\n", &["a"]),
            ("data: a\n\ndata: half", &["a"]),
            ("database: a\n\n DATA: b\n\n", &[]),
            ("\n\n\r\n\ndata: ü\n\n", &["ü"]),
        ];
        for (text, wanted) in table {
            assert_eq!(read(&[text.as_bytes()]).unwrap(), wanted, "{text:?}");
        }
    }

    #[test]
    fn p9_an_event_without_end_is_not_kept() {
        let line = format!("data: {}", "x".repeat(EVENT_MAX));
        assert_eq!(read(&[line.as_bytes()]), Err(TooLong));
        let lines = "data: x\n".repeat(EVENT_MAX);
        assert_eq!(read(&[lines.as_bytes()]), Err(TooLong));
        let comments = format!(": {}\n\n", "x".repeat(1_000)).repeat(1_000);
        assert_eq!(read(&[comments.as_bytes()]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn p8_any_bytes_in_any_pieces_give_the_same_events(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "((data|event|id|)(:|: |)[a-zü]{0,6}(\r\n|\r|\n){1,2}){0,20}"
                    .prop_map(String::into_bytes),
            ],
            sizes in prop::collection::vec(1..9_usize, 0..80),
        ) {
            let mut rest = text.as_slice();
            let mut pieces = Vec::new();
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(read(&pieces), read(&[&text]));
        }

        #[test]
        fn what_is_written_as_data_is_read(
            data in prop::collection::vec("[^\r\n]{0,30}", 0..10),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            alive in any::<bool>(),
        ) {
            let comment = if alive { format!(": alive{end}{end}") } else { String::new() };
            let text: String = data
                .iter()
                .flat_map(|one| [comment.clone(), format!("data: {one}{end}{end}")])
                .collect();
            prop_assert_eq!(read(&[text.as_bytes()]).unwrap(), data);
        }
    }
}
