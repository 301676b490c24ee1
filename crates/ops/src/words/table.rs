//! Columns of equal width.

/// Rows of cells, aligned when they are shown.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

/// Space between two columns.
const GAP: &str = "  ";

impl Table {
    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The rows as text, each behind an indent. The last cell of a row is never padded.
    pub(crate) fn text(&self, indent: &str) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter(|row| column + 1 < row.len());
            cells.filter_map(|row| row.get(column)).map(|cell| seen(cell)).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(indent);
            for (at, cell) in row.iter().enumerate() {
                text.push_str(cell);
                if at + 1 < row.len() {
                    let wide = widths.get(at).copied().unwrap_or(0);
                    let missing = wide.saturating_sub(seen(cell));
                    text.extend(std::iter::repeat_n(' ', missing));
                    text.push_str(GAP);
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Characters that are seen: colours take no room.
fn seen(cell: &str) -> usize {
    let mut characters = cell.chars();
    let mut count = 0;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_letters() {
        let mut table = Table::default();
        table.row(["shop".into(), "v2".into(), "D-2".into()]);
        table.row(["kädi".into(), "v10.1".into(), String::new()]);
        assert_eq!(table.text("  "), "  shop  v2     D-2\n  kädi  v10.1\n");
    }

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::default();
        table.row(["\u{1b}[32mgood\u{1b}[0m".into(), "a".into()]);
        table.row(["better".into(), "b".into()]);
        assert_eq!(table.text(""), "\u{1b}[32mgood\u{1b}[0m    a\nbetter  b\n");
    }
}
