//! Paging (wire contract, section 5).

use crate::base::{Answer, limits};
use crate::event::{Element, Recorded};

use crate::engine::call::Done;

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// 1 to 100.
    pub size: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: 1,
            size: limits::PAGE_SIZE_DEFAULT,
        }
    }
}

impl Page {
    /// The page's items out of all, and how many there are in all.
    pub fn cut<T>(self, all: impl Iterator<Item = T>) -> (Vec<T>, u64) {
        let first = (self.number - 1).saturating_mul(self.size);
        let mut total = 0;
        let mut items = Vec::new();
        for item in all {
            if total >= first && total - first < self.size {
                items.push(item);
            }
            total += 1;
        }
        (items, total)
    }

    /// The fields every list ends with; the event says how many were listed.
    pub fn end(self, answer: Answer, listed: usize, total: u64) -> Done {
        let mut recorded = Recorded::default();
        recorded.insert("Listed", Element::Number(listed as u64));
        recorded.insert("TotalCount", Element::Number(total));
        Done {
            answer: answer
                .number("PageNumber", self.number)
                .number("PageSize", self.size)
                .number("TotalCount", total),
            recorded,
            blob: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn pages_partition_a_list_and_one_past_the_end_is_empty() {
        let page = |number| Page { number, size: 3 }.cut(0..7);
        assert_eq!(page(1), (vec![0, 1, 2], 7));
        assert_eq!(page(3), (vec![6], 7));
        assert_eq!(page(4), (vec![], 7));
        assert_eq!(page(u64::MAX), (vec![], 7));
    }
}
