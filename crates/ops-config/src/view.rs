//! Takes values out of a tree that was checked against the shape.
//!
//! A missing key gives nothing, so that the builder says what holds instead. A present value that
//! does not fit gives nothing either: the check has complained about it. Should the check and the
//! view ever disagree, the value is counted as lost and the file refused (P8).

use std::{cell::RefCell, ops::Range};

use crate::{
    node::{Node, Value},
    scalar,
};

/// Places of values that were there and could not be taken.
pub(crate) type Lost = RefCell<Vec<Range<usize>>>;

/// A mapping, or the absence of one.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    node: Option<&'a Node>,
    lost: &'a Lost,
}

impl<'a> View<'a> {
    pub(crate) fn new(node: &'a Node, lost: &'a Lost) -> Self {
        Self { node: Some(node), lost }
    }

    /// The mapping at a key; an empty one if it is missing.
    pub(crate) fn child(self, key: &str) -> Self {
        let node = self.get(key);
        if let Some(node) = node.filter(|node| !matches!(node.value, Value::Map(_))) {
            self.lose(node);
        }
        Self { node, lost: self.lost }
    }

    pub(crate) fn get(self, key: &str) -> Option<&'a Node> {
        self.node?.get(key)
    }

    pub(crate) fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn text(self, key: &str) -> Option<String> {
        self.take(key, |text| Some(text.to_owned()))
    }

    pub(crate) fn flag(self, key: &str) -> Option<bool> {
        self.take(key, |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn whole<N: TryFrom<u64>>(self, key: &str) -> Option<N> {
        self.take(key, |text| scalar::whole(text)?.try_into().ok())
    }

    /// Milliseconds.
    pub(crate) fn duration(self, key: &str) -> Option<u64> {
        self.take(key, scalar::duration)
    }

    /// Seconds.
    pub(crate) fn seconds(self, key: &str) -> Option<u64> {
        self.duration(key).map(|ms| ms / 1_000)
    }

    pub(crate) fn megabytes(self, key: &str) -> Option<u64> {
        self.take(key, scalar::megabytes)
    }

    pub(crate) fn decimal(self, key: &str) -> Option<f64> {
        self.take(key, scalar::decimal)
    }

    /// 0 to 1.
    pub(crate) fn share(self, key: &str) -> Option<f64> {
        self.take(key, scalar::share)
    }

    pub(crate) fn ports(self, key: &str) -> Option<(u16, u16)> {
        self.take(key, scalar::ports)
    }

    /// The scalars of a list; `None` if the key is missing.
    pub(crate) fn texts(self, key: &str) -> Option<Vec<String>> {
        let node = self.get(key)?;
        if !matches!(node.value, Value::List(_)) {
            self.lose(node);
        }
        Some(node.items().iter().filter_map(|item| self.scalar(item)).collect())
    }

    /// The items of a list; none if the key is missing.
    pub(crate) fn items(self, key: &str) -> &'a [Node] {
        let Some(node) = self.get(key) else {
            return &[];
        };
        if !matches!(node.value, Value::List(_)) {
            self.lose(node);
        }
        node.items()
    }

    /// Names and values of a mapping whose keys the team chooses.
    pub(crate) fn named(self, key: &str) -> Vec<(&'a str, &'a Node)> {
        let entries = self.child(key).node.map_or(&[][..], Node::entries);
        entries.iter().filter_map(|entry| Some((entry.name()?, &entry.value))).collect()
    }

    /// A scalar's text.
    pub(crate) fn scalar(self, node: &Node) -> Option<String> {
        self.keep(node, node.scalar().map(str::to_owned))
    }

    /// Notes a value as lost if nothing could be taken from it.
    pub(crate) fn keep<T>(self, node: &Node, taken: Option<T>) -> Option<T> {
        if taken.is_none() {
            self.lose(node);
        }
        taken
    }

    /// Another mapping in the same file.
    pub(crate) fn over(self, node: &'a Node) -> Self {
        Self { node: Some(node), lost: self.lost }
    }

    fn take<T>(self, key: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let node = self.get(key)?;
        self.keep(node, node.scalar().and_then(read))
    }

    fn lose(self, node: &Node) {
        self.lost.borrow_mut().push(node.span.clone());
    }
}
