//! The text that is rebuilt, one word after the other.

use super::words::Said;

/// Characters of a sanitised user agent at most.
pub const LONGEST: usize = 200;

/// A user agent that grows. Punctuation is written when a word follows it, so none is left over.
pub(super) struct Rebuilt {
    text: String,
    /// What stands before the next word.
    gap: &'static str,
    comment: Comment,
    /// A word did not fit; none follows.
    full: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Comment {
    None,
    /// Of which no word is written yet, nor the parenthesis.
    Empty,
    Begun,
}

impl Default for Rebuilt {
    fn default() -> Self {
        Self {
            // Never grows, so that no piece of it stays behind in memory.
            text: String::with_capacity(LONGEST),
            gap: "",
            comment: Comment::None,
            full: false,
        }
    }
}

impl Rebuilt {
    pub(super) fn open(&mut self) {
        self.comment = Comment::Empty;
    }

    pub(super) fn close(&mut self) {
        if self.comment == Comment::Begun {
            self.text.push(')');
            self.gap = " ";
        }
        self.comment = Comment::None;
    }

    /// `mark` stands before the next word, unless it would stand alone or a stronger one is there.
    pub(super) fn separate(&mut self, mark: &'static str) {
        let weaker = self.gap == " " || self.gap == ", ";
        if weaker && self.comment != Comment::Empty {
            self.gap = mark;
        }
    }

    pub(super) fn word(&mut self, said: &Said<'_>) {
        let open = if self.comment == Comment::Empty {
            "("
        } else {
            ""
        };
        let close = usize::from(self.comment != Comment::None);
        let version = said.version.map_or(0, |(_, major)| 1 + major.len());
        let len = self.gap.len() + open.len() + said.name.len() + version + close;
        self.full |= self.text.len() + len > LONGEST;
        if self.full {
            return;
        }
        for part in [self.gap, open, said.name] {
            self.text.push_str(part);
        }
        if let Some((mark, major)) = said.version {
            self.text.push(mark);
            self.text.push_str(major);
        }
        self.gap = " ";
        if self.comment == Comment::Empty {
            self.comment = Comment::Begun;
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
