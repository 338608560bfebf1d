//! Paging by marker (RAM contract, section 1.5): a page begins behind the last name of the page before, so that what is made
//! and deleted meanwhile neither repeats nor skips what stays.
//!
//! A marker is Base64 (URL alphabet) of operation, `:` and that name, so none is taken for another operation's. It is no
//! secret and grants nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::{Answer, Tag, TagKey, TagValue};
use crate::engine::call::Done;

use super::counted;

/// Which page of which list.
#[derive(Debug)]
pub struct Marked<N> {
    /// The list, by its operation.
    pub list: &'static str,
    /// Behind which name; from the first one when there is none.
    pub after: Option<N>,
    /// How many at the most.
    pub most: usize,
}

impl<N> Marked<N> {
    /// The page's items, and the last of them if more follow.
    pub fn cut<T>(&self, all: impl Iterator<Item = T>) -> (Vec<T>, Option<T>)
    where
        T: Clone,
    {
        let mut items: Vec<T> = all.take(self.most.saturating_add(1)).collect();
        let last = (items.len() > self.most).then(|| {
            items.pop();
            items.last().cloned()
        });
        (items, last.flatten())
    }

    /// The fields that every such list ends with; the event says how many were listed.
    pub fn end(&self, answer: Answer, listed: usize, last: Option<&str>) -> Done {
        let answer = answer
            .boolean("IsTruncated", last.is_some())
            .with_some("Marker", last.map(|name| marker(self.list, name)));
        Done {
            answer,
            recorded: counted(listed),
            blob: None,
        }
    }
}

fn marker(list: &str, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{name}"))
}

/// The name in a marker of this list; none when it is none of its.
pub fn read_marker(list: &str, marker: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    let name = text.strip_prefix(list)?.strip_prefix(':')?;
    Some(name.to_owned())
}

/// Tags that are looked for: all of them, each with its value where one is given.
#[derive(Debug, Default)]
pub struct TagFilters(pub Vec<(TagKey, Option<TagValue>)>);

impl TagFilters {
    /// Whether none is looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something wears them all.
    pub fn fit(&self, tags: &[Tag]) -> bool {
        self.0
            .iter()
            .all(|filter| tags.iter().any(|tag| fits(filter, tag)))
    }

    /// Whether one tag is looked for.
    pub fn look_for(&self, tag: &Tag) -> bool {
        self.is_empty() || self.0.iter().any(|filter| fits(filter, tag))
    }
}

fn fits((key, value): &(TagKey, Option<TagValue>), tag: &Tag) -> bool {
    *key == tag.key && value.as_ref().is_none_or(|value| *value == tag.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(after: Option<u32>, most: usize) -> Marked<u32> {
        Marked {
            list: "ListThings",
            after,
            most,
        }
    }

    #[test]
    fn the_last_page_has_no_last_name() {
        assert_eq!(page(None, 3).cut(0..7), (vec![0, 1, 2], Some(2)));
        assert_eq!(page(None, 7).cut(0..7), ((0..7).collect(), None));
        assert_eq!(page(None, 7).cut(0..0), (vec![], None));
    }

    #[test]
    fn a_marker_is_good_for_its_own_list_alone() {
        let made = marker("ListRoles", "a:b");
        assert_eq!(read_marker("ListRoles", &made).as_deref(), Some("a:b"));
        assert_eq!(read_marker("ListUsers", &made), None);
        assert_eq!(read_marker("ListRole", &made), None);
        assert_eq!(read_marker("ListRoles", "!"), None);
    }
}
